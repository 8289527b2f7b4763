"""Looking at a server from outside: raw connections to it, and what it costs the system."""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server import TIMEOUT, Fault, Server, Wire


def address(server: Server) -> tuple[str, int]:
    """Return where it listens."""
    url = urlsplit(server.base)
    assert url.hostname
    assert url.port
    return url.hostname, url.port


def received(client: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    client.settimeout(TIMEOUT)
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(1 << 16):
            answer += data
    return answer


def eventually(holds: Callable[[], bool]) -> None:
    """Look until something holds."""
    until = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def head(server: Server, method: str, path: str, rest: str = "") -> bytes:
    """Return the beginning of a request by who holds the token."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n{rest}\r\n".encode()


def descriptors(server: Server) -> int:
    """Return how many files and connections it has open."""
    assert server.process is not None
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def peak(server: Server) -> int:
    """The most memory that a server has had, in bytes."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) << 10


def resident(server: Server) -> int:
    """The memory that a server has now, in bytes."""
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def refused(wire: Wire, data: bytes, url: str | None = None, **headers: str) -> Fault:
    """Send something and return the fault that it got: a sender's, with the right status, and soon."""
    began = time.monotonic()
    with pytest.raises(Fault) as caught:
        wire.post(data, url, **headers)
    assert time.monotonic() - began < 20
    fault = caught.value
    assert fault.code in ("Sender", "MustUnderstand", "VersionMismatch"), fault
    for inside in ("Traceback", ".py", "/tmp", "lxml", "0x"):
        assert inside not in str(fault)
    return fault
