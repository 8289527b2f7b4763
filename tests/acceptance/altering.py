"""A proxy that makes a right server a wrong one: it alters requests on their way in, or replies on their way out."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"})
_PLAIN = {"accept-encoding": "identity"}  #: what is to be altered comes as it is


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    content: bytes

    def saying(self, content: bytes) -> "Reply":
        """Return it with another content."""
        return replace(self, content=content)


@dataclass(frozen=True)
class Alteration:
    """One way to be wrong: what becomes of a request, which may be answered in place of the server, and of a reply."""

    request: Callable[[Request], Request | Reply] = field(default=lambda request: request)
    reply: Callable[[Request, Reply], Reply] = field(default=lambda request, reply: reply)


class Proxy:
    """Passes on what comes, altered as ``alteration`` says at the time."""

    def __init__(self) -> None:
        self.alteration = Alteration()
        self.behind = ""  #: the origin of the right server
        self._client = httpx.Client(timeout=60, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answer))
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Pass on nothing any longer."""
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def _answer(self, request: Request) -> Reply:
        altered = self.alteration.request(request)
        if isinstance(altered, Reply):
            return altered
        sent = {name: value for name, value in altered.headers.items() if name.lower() not in _PLAIN} | _PLAIN
        response = self._client.request(
            altered.method, self.behind + altered.path, content=altered.content, headers=sent
        )
        headers = {name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP}
        return self.alteration.reply(altered, Reply(response.status_code, headers, response.content))


@contextmanager
def proxy() -> Iterator[Proxy]:
    """Run a proxy."""
    running = Proxy()
    try:
        yield running
    finally:
        running.close()


def _handler(answer: Callable[[Request], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one piece: else each reply waits for an acknowledgement

        def handle_any(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
            reply = answer(Request(self.command, self.path, headers, self._content()))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

        def _content(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler
