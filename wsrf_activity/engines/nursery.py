"""The server's end of the zygote: keeps one running, and brings each order to a supervisor fresh from it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from wsrf_activity.engines import descriptors, processes
from wsrf_activity.engines.supervisor import Order

AT_ONCE = 64  #: orders under way; each has descriptors in flight, whose number the kernel bounds
PATIENCE = 1.0  #: seconds without an answer after which the zygote is looked at

_ROOT = Path(__file__).parents[2]
#: Isolated and without site-packages, for it needs the standard library and this package only: small and quick.
_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from wsrf_activity.engines.zygote import main
main(int(sys.argv[2]))
"""


class Nursery:
    """Where supervisors come from. ``ask`` may be called at any time, whatever was killed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._handing = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)

    def open(self) -> socket.socket:
        """Start a zygote unless one runs, and return the socket to it."""
        if self._control is None:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.setblocking(False)
            with theirs:
                self._zygote = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    env=self._environ,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        return self._control

    def close(self) -> None:
        """End the zygote. It has nothing that could be lost; supervisors do not notice."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._zygote is not None:
            self._zygote.kill()
            self._zygote.wait()
            self._zygote = None

    async def ask(self, order: Order) -> tuple[str, int | None]:
        """Give an order to a new supervisor; return its answer and, of one that lives on, a pidfd.

        The answer is empty where the zygote or the supervisor was killed meanwhile.
        """
        async with self._slots:
            ours, theirs = socket.socketpair()
            with ours:
                ours.setblocking(False)
                with theirs:
                    await self._hand_over(theirs)
                answering = asyncio.ensure_future(_converse(ours, order.encode()))
                try:
                    while not (await asyncio.wait([answering], timeout=PATIENCE))[0]:
                        self._replace_stopped()
                    return answering.result()
                finally:
                    answering.cancel()

    async def _hand_over(self, channel: socket.socket) -> None:
        async with self._handing:
            while True:
                control = self.open()
                try:
                    socket.send_fds(control, [b"+"], [channel.fileno()])
                    return
                except BlockingIOError:
                    await _ready(control.fileno(), write=True)
                except (BrokenPipeError, ConnectionResetError):
                    self.close()

    def _replace_stopped(self) -> None:
        """End a zygote that somebody stopped: its socket breaks, and what it was to do is asked again."""
        zygote = None if self._zygote is None else processes.find(self._zygote.pid)
        if zygote is not None and zygote.state in "Tt":
            self.close()


async def _converse(channel: socket.socket, order: bytes) -> tuple[str, int | None]:
    try:
        await asyncio.get_running_loop().sock_sendall(channel, order)
        channel.shutdown(socket.SHUT_WR)
        await _ready(channel.fileno())
        content, pidfds = descriptors.receive(channel, 65536)
    except (BrokenPipeError, ConnectionResetError):
        return "", None
    return content.decode(), pidfds[0] if pidfds else None


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _ready(descriptor: int, *, write: bool = False) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    add(descriptor, _set, ready)
    try:
        await ready
    finally:
        remove(descriptor)
