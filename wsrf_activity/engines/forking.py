"""How work begins as a fork of its supervisor, where that has loaded beforehand what the work needs.

To everybody else it is a process as any other: with a session, standard files and an environment of its own, in which
/proc too shows the cookies of its attempt. Imported by every supervisor.
"""

import contextlib
import ctypes
import functools
import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from wsrf_activity.engines import attempt
from wsrf_activity.engines.keeping import Kept, Seat
from wsrf_activity.engines.order import Order

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36  # of prctl(2)
_CHANNEL = 3  #: the descriptor of a process that serves several calls, by which they come
_prctl = ctypes.CDLL(None, use_errno=True).prctl

#: What Python does with signals when it starts, where nothing is inherited: so it is for work that is spawned.
_FIRST: Mapping[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGPIPE: signal.SIG_IGN,
    signal.SIGXFSZ: signal.SIG_IGN,
}

#: Room in the environment that a process begins with, which forks inherit and write their own cookies into.
PLACES = {attempt.ACTIVITY_ID: "0" * 32, attempt.ACTIVITY_ATTEMPT: "0" * 10}

#: Does what a command line would, in this process, which serves other calls after it where there is a seat for them;
#: returns the exit code.
Call = Callable[[tuple[str, ...], Seat | None], int]


class Forking:
    """What a zygote that has loaded something offers its supervisors."""

    def __init__(self, call: Call) -> None:
        """Have work do this instead of its command line."""
        self._call = call
        self._places = _places()
        self.kept: Kept | None = None  #: the process that rests, or that does the work under way

    def start(self, order: Order, environment: Mapping[str, str], files: list[int]) -> int | None:
        """Begin the work with these standard files and return its pid; None where it has to be spawned."""
        fits = self._places and all(len(value) <= len(PLACES[name]) for name, value in order.cookies.items())
        if self.kept is not None:
            if fits and self.kept.call(order, environment, files):
                return self.kept.pid
            self.retire()
        if not fits:
            return None
        self._handlers  # noqa: B018 - made here, once, and not in each fork
        if not order.keeps:
            return self._fork(order, environment, files, None)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            pid = self._fork(order, environment, files, theirs)
        if pid is None:
            ours.close()
        else:
            self.kept = Kept(pid, ours, order, environment)
        return pid

    def forget(self) -> None:
        """Keep no process: the one that was kept is ended with the work under way."""
        if self.kept is not None:
            self.kept.forget()
            self.kept = None

    def retire(self) -> None:
        """Keep no process: return when the one that rests has ended."""
        if self.kept is not None:
            self.kept.retire()
            self.kept = None

    def _fork(
        self, order: Order, environment: Mapping[str, str], files: list[int], channel: socket.socket | None
    ) -> int | None:
        ready, theirs = os.pipe()
        me = os.getpid()
        try:
            forked = os.fork()
            if not forked:
                self._begin(order, environment, files, me, theirs, channel)
        finally:
            os.close(theirs)
        try:
            if os.read(ready, 1):
                return forked
        finally:
            os.close(ready)
        os.waitpid(forked, 0)
        return None

    @functools.cached_property
    def _handlers(self) -> list[tuple[int, Any]]:
        """The signals that are not handled here, by a supervisor, as in a new Python. It never changes how they are."""
        usual = {int(each): _FIRST.get(each, signal.SIG_DFL) for each in signal.valid_signals()}
        settable = usual.keys() - {signal.SIGKILL, signal.SIGSTOP}
        return [(each, usual[each]) for each in settable if signal.getsignal(each) != usual[each]]

    def _begin(
        self,
        order: Order,
        environment: Mapping[str, str],
        files: list[int],
        supervisor: int,
        ready: int,
        channel: socket.socket | None,
    ) -> NoReturn:
        code = 1
        try:
            self._settle(order, environment, files, supervisor)
            os.write(ready, b"+")
            seat = None if channel is None else self._seat(channel)
            os.closerange(3 if seat is None else _CHANNEL + 1, os.sysconf("SC_OPEN_MAX"))
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            code = self._call(order.argv, seat)
        finally:
            os._exit(code)  # the supervisor's own course must not go on here, whatever happened

    def _settle(self, order: Order, environment: Mapping[str, str], files: list[int], supervisor: int) -> None:
        """Become a process of the attempt's. Until it can be told by its cookies, it dies with its supervisor."""
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)
        os.setsid()
        self._bear(order.cookies)
        _prctl(_PR_SET_NAME, b"wsrf-function", 0, 0, 0)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        for name, value in environment.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        for number, file in enumerate(files):
            os.dup2(file, number)
        for number, handler in self._handlers:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, handler)

    def _bear(self, cookies: Mapping[str, str]) -> None:
        for name, value in cookies.items():
            ctypes.memmove(self._places[name], value.encode().ljust(len(PLACES[name]), b"\0"), len(PLACES[name]))

    def _seat(self, channel: socket.socket) -> Seat:
        """Return the seat of this process, in which it hears of calls, and where orphans of them go."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if channel.fileno() != _CHANNEL:
            os.dup2(channel.fileno(), _CHANNEL, inheritable=False)
            channel.detach()
            channel = socket.socket(fileno=_CHANNEL)
        return Seat(channel, self._bear)


def _places() -> dict[str, int]:
    """Return the addresses of the places in this process's first environment; none where they cannot be found."""
    with open("/proc/self/stat", "rb") as file:
        stat = file.read()
    start, end = map(int, stat[stat.rindex(b")") + 2 :].split()[47:49])  # fields 50 and 51 of proc(5)
    with open("/proc/self/environ", "rb") as file:
        environ = file.read()
    found = {}
    for name, place in PLACES.items():
        offset = environ.find(f"{name}={place}\0".encode())
        if offset < 0 or end - start != len(environ):
            return {}
        found[name] = start + offset + len(name) + 1
    return found
