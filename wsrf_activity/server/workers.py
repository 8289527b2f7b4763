"""The parent of several processes that serve one port: starts them, replaces those that die, tells them to stop.

It answers no request and has no connection to the database. When it is killed the kernel ends them all.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from wsrf_activity.model.tables import SettingsError
from wsrf_activity.server.place import Site
from wsrf_activity.server.settings import Settings
from wsrf_activity.server.shares import Tally
from wsrf_activity.server.stopping import SIGNALS, obeyed
from wsrf_activity.server.worker import BEGIN, DRAIN, DRAINED, READY, Order

log = logging.getLogger(__name__)
_STOPPED_WITHIN = 30.0  #: seconds that a worker has to stop in order; then it is killed
_STEADY = 60.0  #: seconds after which a death has nothing to do with the one before
_LONGEST_PAUSE = 30.0  #: seconds before another is started in place of one that dies again and again
_DRAINED_AT_ONCE = 1.0  #: seconds; whoever stops a server with no work is not told of a second signal

#: Finds the packages where the parent does, and is bound to its life before it loads any of them.
_PROGRAM = """
import pickle, sys
with open(int(sys.argv[1]), "rb") as file:
    sys.path[:] = pickle.load(file)
    from wsrf_activity.engines.processes import end_with_parent
    end_with_parent(pickle.load(file))
    pickle.load(file).work()
"""


class Workers:
    """The processes of one service."""

    def __init__(
        self, settings: Settings, site: Site, listening: socket.socket, lock: int, answers: Callable[[], None]
    ) -> None:
        """Serve on ``listening``. ``lock`` is left to the workers too, so that nobody takes the folder before the last
        of them is gone; ``answers`` is called once, when all of them answer.
        """
        self._settings = settings
        self._site = site
        self._listening = listening
        self._lock = lock
        self._answers = answers
        self._tally = Tally(settings.workers)
        self._workers: dict[int, _Worker] = {}
        self._settled = False  #: whether the first worker has taken up what an earlier run has left
        self._all_ready = asyncio.Event()
        self._draining = False
        self._drained = asyncio.Event()
        self._stopping = asyncio.Event()

    async def serve(self) -> None:
        """Serve until a signal says stop. Raises SettingsError where a worker cannot start while the service does."""
        with obeyed(self._stop, self._drain if self._settings.drain else None):
            tasks = [asyncio.create_task(self._keep(index)) for index in range(self._settings.workers)]
            tasks.append(asyncio.create_task(self._announce()))
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _announce(self) -> None:
        await self._all_ready.wait()
        if not self._stopping.is_set():
            self._answers()

    async def _keep(self, index: int) -> None:
        """See that there is a worker in this place."""
        deaths = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            ended = await self._see_through(index)
            if self._stopping.is_set():
                return
            deaths = 1 if time.monotonic() - began > _STEADY else deaths + 1
            pause = pause_after(deaths)
            when = f"in {pause:g} s" if pause else "at once"
            log.warning("server process %d %s; starting another %s", index + 1, ended, when)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _see_through(self, index: int) -> str:
        """Start a worker and return how it ended."""
        try:
            worker = self._workers[index] = self._start(index)
        except OSError as error:
            return self._failed(f"cannot be started: {error}")
        try:
            await worker.over.wait()
        finally:
            del self._workers[index]
            worker.end()
            self._tally.write(index, 0)
        return worker.how() if worker.ready else self._failed(worker.how(), worker.failure)

    def _failed(self, how: str, why: str = "") -> str:
        """Return how a worker failed that never answered; where the service never did either, it fails with it."""
        if not self._all_ready.is_set():
            raise SettingsError(why or f"a server process {how}")
        return how

    def _start(self, index: int) -> "_Worker":
        """Start a worker; raises OSError where that cannot be."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening, tally = self._listening.fileno(), self._tally.descriptor
        order = Order(self._settings, self._site, index, tally, listening, theirs.fileno())
        try:
            with theirs:
                process = _hand_over(order, [tally, listening, theirs.fileno(), self._lock])
            worker = _Worker(process, ours, self._look)
        except BaseException:
            ours.close()
            raise
        if index == 0 or self._settled:
            worker.tell(BEGIN)
        if self._draining:
            worker.tell(DRAIN)
        return worker

    def _look(self) -> None:
        """Draw the conclusions from what a worker has said."""
        workers = self._workers.values()
        if not self._settled and any(worker.ready for worker in workers):
            self._settled = True
            for index, worker in self._workers.items():
                if index > 0:
                    worker.tell(BEGIN)
        if len(workers) == self._settings.workers:
            if all(worker.ready for worker in workers):
                self._all_ready.set()
            if all(worker.drained for worker in workers):
                self._drained.set()

    async def _drain(self) -> None:
        """Return when no worker has work that runs. All of them answer until then. One that starts is waited for."""
        await self._all_ready.wait()
        self._draining = True
        for worker in self._workers.values():
            worker.tell(DRAIN)
        try:
            await asyncio.wait_for(self._drained.wait(), _DRAINED_AT_ONCE)
        except TimeoutError:
            log.warning(
                "stopping when the work that runs has ended; a second signal stops at once and leaves it running"
            )
            await self._drained.wait()

    def _stop(self, number: int) -> None:
        """Have all workers stop, as at this signal. One that has not begun to answer has nothing to put in order."""
        self._stopping.set()
        self._all_ready.set()
        self._listening.close()
        for worker in self._workers.values():
            if worker.ready:
                worker.tell(bytes([number]))
            else:
                worker.kill()
        asyncio.get_running_loop().call_later(_STOPPED_WITHIN, self._kill_the_rest)

    def _kill_the_rest(self) -> None:
        for index, worker in self._workers.items():
            log.warning("server process %d does not stop; killing it, which leaves its work running", index + 1)
            worker.kill()


class _Worker:
    """The parent's hold on one worker."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: socket.socket, look: Callable[[], None]) -> None:
        """Call ``look`` when it has said something."""
        self.ready = False
        self.drained = False
        self.failure = ""  #: why it could not start
        self.over = asyncio.Event()
        self._process = process
        self._channel = channel
        self._look = look
        self._pidfd = os.pidfd_open(process.pid)
        self._loop = asyncio.get_running_loop()
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel.fileno(), self._hear)
        self._loop.add_reader(self._pidfd, self.over.set)

    def tell(self, order: bytes) -> None:
        """Tell it to stop or to drain, if it is there to hear that."""
        with contextlib.suppress(OSError):
            self._channel.send(order)

    def kill(self) -> None:
        """End it; its work goes on."""
        self._process.kill()

    def end(self) -> None:
        """Let go of it, when it has ended; else end it."""
        self._process.kill()
        self._process.wait()
        self._hear()
        self._loop.remove_reader(self._channel.fileno())
        self._loop.remove_reader(self._pidfd)
        self._channel.close()
        os.close(self._pidfd)

    def how(self) -> str:
        """Return how it ended."""
        code = self._process.returncode
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"(pid {self._process.pid}) {ended}{self.failure and ': '}{self.failure}"

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while said := self._channel.recv(65536):
                if said == READY:
                    self.ready = True
                elif said == DRAINED:
                    self.drained = True
                else:
                    self.failure = said.decode()
                self._look()
            self._loop.remove_reader(self._channel.fileno())


def _hand_over(order: Order, inherited: list[int]) -> "subprocess.Popen[bytes]":
    """Start a process with an order. It hears no signal to stop before it has said what that means to it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with open(os.memfd_create("order"), "w+b") as paper:
            for each in (sys.path, os.getpid(), order):
                pickle.dump(each, paper)
            paper.seek(0)
            command = [sys.executable, "-P", "-c", _PROGRAM, str(paper.fileno())]
            return subprocess.Popen(command, pass_fds=[paper.fileno(), *inherited], stdin=subprocess.DEVNULL)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def pause_after(deaths: int) -> float:
    """Return how long to wait before another is started: not at all the first time, then longer each time."""
    return min(2.0 ** (deaths - 2), _LONGEST_PAUSE) if deaths > 1 else 0.0
