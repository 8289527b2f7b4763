"""The servers that are measured, as processes of their own, and a client that costs next to nothing."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

_START_SECONDS = 30


class Connection:
    """One HTTP connection kept alive. No HTTP library stands between, for its work would hide the server's."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def exchange(self, request: bytes) -> bytes:
        """Send a whole request and return the body of the answer. Raises RuntimeError if that is not 200."""
        self._socket.sendall(request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, body = received[:end].lower(), received[end + 4 :]
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"{head.decode()}: {body.decode()}")
        return body

    def _receive(self) -> bytes:
        content = self._socket.recv(1 << 16)
        if not content:
            raise RuntimeError("the server hung up")
        return content


@contextlib.contextmanager
def connection(port: int) -> Iterator[Connection]:
    """A connection, closed at the end."""
    made = Connection(port)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def activity_server(data: Path) -> Iterator[tuple[str, str]]:
    """Start `wsrf-activity serve` on an empty data directory; gives its base URL and token."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WSRF_ACTIVITY_")}
    command = [sys.executable, "-m", "wsrf_activity", "serve", "--data", str(data), "--port", "0"]
    with _process(command, environment) as process:
        announced = data / "server.json"
        deadline = time.monotonic() + _START_SECONDS
        while not announced.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("wsrf-activity does not start")
            time.sleep(0.02)
        yield json.loads(announced.read_text())["base_url"], (data / "token").read_text().strip()


@contextlib.contextmanager
def canned_server(content: Path) -> Iterator[int]:
    """Start the server of `benchmarks.canned`; gives its port."""
    with _process([sys.executable, "-m", "benchmarks.canned", str(content)], dict(os.environ)) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


def post(url: str, token: str, body: str) -> bytes:
    """A whole SOAP 1.1 request, ready to be sent any number of times."""
    parts = urlsplit(url)
    content = body.encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f'Content-Type: text/xml; charset=utf-8\r\nSOAPAction: ""\r\nContent-Length: {len(content)}\r\n\r\n'
    )
    return head.encode() + content
