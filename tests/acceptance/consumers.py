"""A web service of somebody else's on loopback, which takes what is POSTed to it: where replies go."""

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lxml import etree

from tests.server import TIMEOUT
from tests.wire_validation import check_envelope


@dataclass(frozen=True)
class Received:
    """One message, found to be valid."""

    headers: dict[str, str]  #: of HTTP, their names in lower case
    envelope: etree._Element
    content: bytes  #: as it came

    @property
    def body(self) -> etree._Element:
        """The child of its Body."""
        return self.envelope[-1][0]

    def header(self, tag: str) -> str | None:
        """Return the text of a header block."""
        return self.envelope[0].findtext(tag)


class Consumer:
    """Listens on a free port; what comes is kept by its path, so that tests do not get in each other's way."""

    def __init__(self, port: int = 0, answer: Callable[[bytes], bytes] = lambda said: b"") -> None:
        """Listen on a port; what ``answer`` makes of a message is the answer, 202 where that is nothing."""
        self._came: defaultdict[str, queue.Queue[tuple[dict[str, str], bytes]]] = defaultdict(queue.Queue)
        came = self._came

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                came[self.path].put(({name.lower(): value for name, value in self.headers.items()}, body))
                said = answer(body)
                self.send_response(200 if said else 202)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)

    @contextmanager
    def listening(self) -> Iterator["Consumer"]:
        """Take messages until the end."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def address(self, path: str, host: str = "127.0.0.1") -> str:
        """Return where to send to."""
        return f"http://{host}:{self._server.server_port}{path}"

    def next(self, path: str) -> Received:
        """Return the next message that comes to a path; it has to be valid."""
        headers, body = self._came[path].get(timeout=TIMEOUT)
        assert check_envelope(body) == [], body
        return Received(headers, etree.fromstring(body), body)

    def has_more(self, path: str) -> bool:
        """Whether there is a message that nobody has looked at."""
        return not self._came[path].empty()
