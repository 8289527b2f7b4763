"""A process of functions that is kept for the next call: its supervisor's hold on it, and what the process itself does.

Between the two goes a socket of messages: a call with its standard files, BEGUN when the process is the call's, and
RESTS when the call is over, all is given back, and nothing of it runs any more. Whoever is not fit for another call
says nothing and ends, as a process that serves one call does. Imported by every supervisor.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from wsrf_activity.engines import attempt, descriptors, processes
from wsrf_activity.engines.order import Order

IDLE = 300.0  #: seconds that a process is kept without a call
BEGUN, RESTS, REFUSED = b"+", b".", b"-"
_PATIENCE = 5.0  #: seconds for a process that rests to begin a call; one that somebody has stopped never does
_ROOM = 1 << 17  #: bytes of a call


class Kept:
    """The supervisor's hold on a process that it has forked for several calls of one function."""

    def __init__(self, pid: int, channel: socket.socket, order: Order, environment: Mapping[str, str]) -> None:
        """Hold the process that has begun with this order."""
        self.pid = pid
        self.serves = _settings(order)
        self.until = time.monotonic() + IDLE  #: on the monotonic clock; it is kept no longer without a call
        self._channel = channel
        self._channel.setblocking(False)
        self._environment = environment  #: of the last call
        self._left = order.reuse - 1
        self._grace = order.grace

    def call(self, order: Order, environment: Mapping[str, str], files: list[int]) -> bool:
        """Have it begin the call of an order in the current folder; False where it does not, and is to be retired."""
        if self._left < 1 or self.serves != _settings(order):
            return False
        self._left -= 1
        changed = {name: text for name, text in environment.items() if self._environment.get(name) != text}
        gone = [name for name in self._environment if name not in environment]
        said = json.dumps([order.cookies, changed, gone, os.getcwd(), self._left > 0]).encode()
        if len(said) > _ROOM:
            return False
        answer = select.poll()
        answer.register(self._channel, select.POLLIN)
        try:
            socket.send_fds(self._channel, [said], files)
            begun = bool(answer.poll(1000 * _PATIENCE)) and self._channel.recv(1) == BEGUN
        except OSError:  # it was killed
            return False
        self._environment = environment
        return begun

    def rests(self) -> bool:
        """Whether it has said that its call is over."""
        try:
            rests = self._channel.recv(1) == RESTS
        except OSError:  # nothing was said, or it has ended
            return False
        self.until = time.monotonic() + IDLE
        return rests

    def forget(self) -> None:
        """Let go of one that is ended by others."""
        self._channel.close()

    def retire(self) -> None:
        """Have it end as Python does, and return when nothing of it is left: what takes too long is killed."""
        self._channel.close()
        until = time.monotonic() + self._grace
        while not _buried():
            left = until - time.monotonic()
            if left <= 0:
                processes.send(processes.below(os.getpid()), signal.SIGKILL)
            signal.sigtimedwait({signal.SIGCHLD}, max(left, 0.01))


def _settings(order: Order) -> tuple[object, ...]:
    """Return what calls of one process have in common: what a process cannot change of itself when a call comes."""
    return order.argv, dict(order.environment), order.rlimits


def _buried() -> bool:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return False
    return True


class Seat:
    """What a process that serves several calls has to do to go from one to the next."""

    def __init__(self, channel: socket.socket, bear: Callable[[Mapping[str, str]], None], more: bool = True) -> None:
        """Hear of calls over the channel; ``bear`` makes this process one with an attempt's cookies in /proc."""
        self._channel = channel
        self._bear = bear
        self._more = more
        self._files: list[int] = []
        self._call: Any = None

    def alone(self) -> bool:
        """Whether the call may be followed by another, and has left no processes.

        The orphans of a call go to the process that serves it: it has no child only where nothing else is left of it.
        """
        return self._more and not _has_children()

    def rest(self) -> bool:
        """Give back what is the call's, say that it is over, and wait for the next; whether there is one."""
        self._give_back()
        self._channel.send(RESTS)
        os.kill(os.getppid(), signal.SIGCHLD)  # it waits for nothing else
        content, self._files = descriptors.receive(self._channel, _ROOM)
        self._call = json.loads(content) if content else None
        return bool(content)

    def refuse(self) -> None:
        """Have another process do the call that has come."""
        self._channel.send(REFUSED)
        for file in self._files:
            os.close(file)

    def begin(self) -> None:
        """Be the process of the call that has come."""
        cookies, changed, gone, folder, self._more = self._call
        self._bear(cookies)
        for name in gone:
            os.environ.pop(name, None)
        os.environ.update(changed)
        for number, file in enumerate(self._files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        self._channel.send(BEGUN)

    def _give_back(self) -> None:
        """Hold nothing of the call: its files are read and removed by others, and none may be written to any more."""
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        os.close(null)
        os.chdir("/")
        self._bear({attempt.ACTIVITY_ID: "", attempt.ACTIVITY_ATTEMPT: ""})


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
