"""Where the server under test can send replies and notifications: a listener of the suite's own."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wsrf_activity.conformance.wire import Answer


class Listener:
    """Takes every POST, answers 202, and keeps what came by its path."""

    def __init__(self, host: str) -> None:
        """Listen at ``host``, as the server under test is to call this machine: on all interfaces off loopback."""
        self._host = host
        self._arrived: list[tuple[str, Answer]] = []
        self._news = threading.Condition()
        here = "127.0.0.1" if host in ("localhost", "127.0.0.1") else ""
        self._server = ThreadingHTTPServer((here, 0), _handler(self._take))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def address(self, path: str) -> str:
        """Return the URL of a path."""
        return f"http://{self._host}:{self._server.server_address[1]}/{path}"

    def wait(self, path: str, seconds: float, wanted: Callable[[Answer], bool] = lambda message: True) -> Answer | None:
        """Return the first message that came to a path and is wanted, or None when the time is over."""

        def found() -> Answer | None:
            return next((message for at, message in self._arrived if at == f"/{path}" and wanted(message)), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None, seconds)
            return found()

    def _take(self, path: str, message: Answer) -> None:
        with self._news:
            self._arrived.append((path, message))
            self._news.notify_all()


def _handler(take: Callable[[str, Answer], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self._body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            take(self.path, Answer(200, headers, content))

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = b""
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

        def log_message(self, *args: object) -> None:
            """Say nothing: the report does."""

    return Handler
