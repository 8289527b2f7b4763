"""The server's end of the zygote: keeps one running, and has supervisors from it at hand."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wsrf_activity.engines import descriptors, keeping, openfiles, processes, supervisor, zygote
from wsrf_activity.engines.forking import PLACES
from wsrf_activity.engines.order import Order

AT_ONCE = 32  #: orders under way; each may have descriptors in flight, whose number the kernel bounds
PATIENCE = 15.0  #: seconds for an order to be taken up; then it is given to another supervisor
BURIAL = 30.0  #: seconds until a process that cannot be interrupted is left to die of the KILL that it has got
IDLE = 16  #: supervisors that wait for more work, so that short work does not pay for a fork
REST = 60.0  #: seconds between two starts of a zygote that loads what functions need, if it keeps ending

_ROOT = Path(__file__).parents[2]
#: Isolated and without site-packages, for it needs the standard library and this package only: small and quick.
_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from wsrf_activity.engines.zygote import main
main(int(sys.argv[2]))
"""
_PLAIN = (sys.executable, "-I", "-S", "-c", _PROGRAM, os.fspath(_ROOT))


@dataclass(frozen=True, slots=True)
class Functions:
    """Work that need not be a program of its own, since a zygote can have loaded what it needs."""

    prefix: tuple[str, ...]  #: how its command lines begin
    zygote: tuple[str, ...]  #: the command of that zygote; the number of a descriptor follows. Empty: there is none
    environment: Mapping[str, str]  #: what such work finds beside what all work does, however it is begun
    #: How many calls a process may serve one after another, by the command line, where that is more than one.
    reuse: Mapping[tuple[str, ...], int] = field(default_factory=dict)


class Keeper:
    """The server's hold on one supervisor, by its channel as long as that is open, and by a pidfd."""

    def __init__(
        self, channel: socket.socket | None = None, pidfd: int | None = None, home: "Nursery | None" = None
    ) -> None:
        """Listen to the channel from now on, if there is one."""
        self._channel = channel
        self._pidfd = pidfd
        self._home = home
        self._received = b""  #: of a line that is not whole
        self._answer: asyncio.Future[str] | None = None
        self._said: str | None = None  #: of the end of the work
        self._over: Callable[[str], None] | None = None
        self._watched: int | None = None  #: descriptor
        self._keeps: tuple[str, ...] = ()  #: the command line whose process it has kept, if it still has it
        self._keeps_until = 0.0  #: on the monotonic clock
        if channel is not None:
            self._look(channel.fileno())

    @property
    def idle(self) -> bool:
        """Whether it may be asked for the next thing."""
        return self._channel is not None

    @property
    def keeps(self) -> tuple[str, ...]:
        """The command line for which it keeps a process, as far as is known; empty where it keeps none."""
        return self._keeps if time.monotonic() < self._keeps_until else ()

    async def ask(self, order: Order) -> str:
        """Give it an order and return the answer, which is empty when it was killed."""
        if not order.bury:
            self._keeps = order.keeps
        loop = asyncio.get_running_loop()
        if self._channel is None:
            return ""
        self._said = None
        self._answer = loop.create_future()
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # perhaps it has said before why it ended
                await _send(self._channel, order.encode())
            return await self._answer
        finally:
            self._answer = None

    def watch(self, over: Callable[[str], None]) -> None:
        """Call this once in the event loop, when its work is over, with what it says of that, or when it has ended."""
        self._over = over
        if self._said is not None or (self._channel is None and self._pidfd is None):
            asyncio.get_running_loop().call_soon(self._finish)
        elif self._channel is None:
            self._look(self._pidfd)

    def settle(self) -> None:
        """Close the channel of work that goes on for long: one descriptor is enough then. It ends with that work.

        One that keeps a process for the next call does not end.
        """
        if self._channel is not None and self._pidfd is not None and not self._keeps:
            self._look(self._pidfd)
            self._channel.close()
            self._channel = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; none to a process that has ended, whoever has its number now."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def give_back(self) -> None:
        """Have it wait for the next order, if it can and is needed."""
        if self._home is None:
            self.close()
        else:
            self._home.take_back(self)

    def close(self) -> None:
        """Let go of it. With no work it ends."""
        self._over = None
        self._hang_up()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def _hang_up(self) -> None:
        self._look(None)
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result("")

    def _look(self, descriptor: int | None) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
        if descriptor is not None:
            asyncio.get_running_loop().add_reader(descriptor, self._come)
        self._watched = descriptor

    def _come(self) -> None:
        if self._channel is not None:
            self._read(self._channel)
        if self._channel is None or self._said is not None:
            self._finish()

    def _read(self, channel: socket.socket) -> None:
        try:
            content, pidfds = descriptors.receive(channel, 65536)
        except ConnectionResetError:
            content, pidfds = b"", []
        for pidfd in pidfds:
            if self._pidfd is not None:
                os.close(self._pidfd)
            self._pidfd = pidfd
        *lines, self._received = (self._received + content).split(b"\n")
        for line in lines:
            self._hear(line.decode())
        if not content:
            self._hang_up()

    def _hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == supervisor.ENDED:
            self._said, self._keeps_until = rest, time.monotonic() + keeping.IDLE
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(line)

    def _finish(self) -> None:
        """Tell who watches; a keeper that has no channel any more has heard enough."""
        if self._over is None:
            return
        if self._channel is None:
            self._look(None)
        over, self._over = self._over, None
        over(self._said or "")


class Nursery:
    """Where supervisors come from. ``ask`` may be called at any time, whatever was killed."""

    def __init__(self, environ: Mapping[str, str], command: tuple[str, ...] = _PLAIN, *, loads: bool = False) -> None:
        """Have zygotes of this command; one that ``loads`` something says so when it has, and is of no use before."""
        self._environ = {**environ, **PLACES} if loads else environ
        self._command = command
        self._loads = loads
        self._loaded = False
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._handing = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._idle: list[Keeper] = []
        self._begun = -REST  #: when the last zygote was started, on the monotonic clock
        self._again: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        """Whether an order would be taken up at once."""
        return self._loaded or not self._loads

    def open(self) -> socket.socket:
        """Start a zygote unless one runs, and return the socket to it."""
        if self._control is None:
            self._begun = time.monotonic()
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.setblocking(False)
            with theirs:
                self._zygote = subprocess.Popen(
                    [*self._command, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    env=self._environ,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            openfiles.give_usual(self._zygote.pid)
            if self._loads:
                asyncio.get_running_loop().add_reader(self._control.fileno(), self._hear)
        return self._control

    def close(self) -> None:
        """End the zygote and who is idle. Supervisors at work do not notice."""
        self._forget_idle()
        self._end_zygote()
        if self._again is not None:
            self._again.cancel()

    async def ask(self, order: Order) -> tuple[str, Keeper]:
        """Give an order to a supervisor; return its answer and the hold on it, for the caller to give back.

        The answer is empty where nobody took it up in time, and where the supervisor was killed. One that takes it up
        later finds that nobody waits, and begins nothing.
        """
        async with self._slots:
            keeper = self._take(order.keeps)
            try:
                async with asyncio.timeout(BURIAL if order.bury else PATIENCE):
                    if not keeper.idle:
                        keeper = await self._fork()
                    answer = await keeper.ask(order)
            except TimeoutError:
                answer = ""
                self._replace_stopped()
            except BaseException:
                keeper.close()
                raise
            if not answer:
                keeper.close()
                self._forget_idle()
            return answer, keeper

    def _take(self, keeps: tuple[str, ...]) -> Keeper:
        """Return one who is idle, and lives as far as is known; one who cannot be asked where there is none.

        Best is one that keeps the process that is needed; one that keeps another would have to end that first.
        """
        for keeper in [each for each in self._idle if not each.idle]:
            self._idle.remove(keeper)
            keeper.close()
        for wanted in (keeps, ()):
            for keeper in reversed(self._idle):
                if keeper.keeps == wanted:
                    self._idle.remove(keeper)
                    return keeper
        return Keeper()

    def take_back(self, keeper: Keeper) -> None:
        """Have a supervisor wait for the next order, if it can, in the place of the one that has waited longest."""
        if not keeper.idle or self._control is None:
            keeper.close()
            return
        self._idle.append(keeper)
        if len(self._idle) > IDLE:
            self._idle.pop(0).close()

    async def _fork(self) -> Keeper:
        """Return a new supervisor; none that can be asked where there is none to be had just now."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                handed = await self._hand_over(theirs)
        except BaseException:
            ours.close()
            raise
        if not handed:
            ours.close()
        return Keeper(ours, home=self) if handed else Keeper()

    async def _hand_over(self, channel: socket.socket) -> bool:
        async with self._handing:
            while self.ready:
                control = self.open()
                try:
                    socket.send_fds(control, [b"+"], [channel.fileno()])
                    return True
                except BlockingIOError:
                    await _ready(control.fileno(), write=True)
                except (BrokenPipeError, ConnectionResetError):
                    self._end_zygote()
                    self._begin_again()
        return False

    def _hear(self) -> None:
        """Hear that a zygote has loaded what it had to, or that it has ended."""
        try:
            said = b"" if self._control is None else self._control.recv(64)
        except BlockingIOError:
            return
        except ConnectionResetError:
            said = b""
        self._loaded = said == zygote.READY
        if not said:
            self._end_zygote()
            self._begin_again()

    def _begin_again(self) -> None:
        """Start another zygote that loads something, by itself: nobody waits for it. What keeps ending has a rest."""
        if self._loads and self._again is None:
            pause = max(0.0, self._begun + REST - time.monotonic())
            self._again = asyncio.get_running_loop().call_later(pause, self._reopen)

    def _reopen(self) -> None:
        self._again = None
        self.open()

    def _replace_stopped(self) -> None:
        """End a zygote that somebody stopped: what it was to do is asked again."""
        found = None if self._zygote is None else processes.find(self._zygote.pid)
        if found is not None and found.state in "TtZ":
            self._end_zygote()
            self._begin_again()

    def _end_zygote(self) -> None:
        self._loaded = False
        if self._control is not None:
            if self._loads:
                asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None
        if self._zygote is not None:
            self._zygote.kill()
            self._zygote.wait()
            self._zygote = None

    def _forget_idle(self) -> None:
        """Do not try one after another of those who may have been killed together."""
        while self._idle:
            self._idle.pop().close()


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _send(channel: socket.socket, content: bytes) -> None:
    """Send all of it: mostly there is room for it at once."""
    try:
        sent = channel.send(content)
    except BlockingIOError:
        sent = 0
    if sent < len(content):
        await asyncio.get_running_loop().sock_sendall(channel, content[sent:])


async def _ready(descriptor: int, *, write: bool = False) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    add(descriptor, _set, ready)
    try:
        await ready
    finally:
        remove(descriptor)
