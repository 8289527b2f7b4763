"""What uvicorn leaves open: how long a client may take to say what it wants, how much of a head that may be, and offers
to speak another protocol.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Literal, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wsrf_activity.soap.hanging_up import CONNECTION

SILENCE = 60.0  #: seconds for which a client may leave a request unfinished without another byte of it
LAST_WORDS = 3.0  #: seconds that it has for that when the server stops
MAX_HEAD = 1 << 16  #: bytes of a request's line and headers
_SMALL = 1 << 16  #: bytes that are copied rather than written by a system call of their own

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class _Parser(httptools.HttpRequestParser):
    """Reads a request with ``Upgrade: h2c`` as one without (RFC 9110, 7.8). Java's HttpClient, and so Apache CXF,
    offers that first on each connection; httptools takes what follows for that protocol, so that the body is lost.
    """

    __slots__ = ("_protocol",)

    def __init__(self, protocol: "BoundedProtocol") -> None:
        self._protocol = protocol
        self._begin()

    def _begin(self) -> None:
        """Be as new. What follows a request that closes the connection is no reason to leave that one unanswered."""
        super().__init__(self._protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: Any) -> None:
        """Parse; begin anew with a head that offers nothing where one did."""
        while data:
            try:
                super().feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if not self._protocol.declines():
                    raise
                data = self._protocol.head_without_offer() + bytes(data[offer.args[0] :])
                self._begin()
            else:
                return


class _Signal(asyncio.Event):
    """An event for which one task waits at most: the queue of those who wait is most of what an event takes, and
    thousands of connections have nothing to do but to keep theirs.
    """

    def __init__(self) -> None:
        self._on = False
        self._awaited: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._on

    def set(self) -> None:
        self._on = True
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def clear(self) -> None:
        self._on = False

    async def wait(self) -> Literal[True]:
        while not self._on:
            if self._awaited is not None and not self._awaited.done():
                raise RuntimeError("another task waits for this already")
            self._awaited = asyncio.get_running_loop().create_future()
            await self._awaited
        return True


class _Flow(FlowControl):
    """Says when more may be written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._is_writable_event = _Signal()
        self._is_writable_event.set()


class _Output:
    """Where an answer is written to: its head goes out with the first of its body.

    Apart, each would be a system call, and the head would wake the client, who can do nothing with it alone. What an
    answer begins with waits no longer than until the event loop's next turn, whatever becomes of the body.
    """

    __slots__ = ("_held", "_loop", "_new", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._new = False  #: whether nothing of the answer has been written
        self._held = b""

    def begin(self) -> None:
        """Expect a new answer."""
        self._release()
        self._new = True

    def write(self, data: Any) -> None:
        """Write, or keep the beginning until there is more."""
        if self._new:
            self._new = False
            self._held = data
            self._loop.call_soon(self._release)
        elif self._held and len(data) <= _SMALL:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        else:
            self._release()
            self._transport.write(data)

    def close(self) -> None:
        """Close once all is written."""
        self._release()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._transport.is_closing()

    def _release(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Clients that begin and never finish, by design or because their network went, are let go.

    A client whose request is complete may be kept waiting for as long as the answer takes.
    """

    __slots__ = ("_answered", "_at_work", "_head", "_heard", "_idle", "_output", "_watch", "_whole", "gone", "on_gone")
    silence = SILENCE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.flow = _Flow(self.transport)
        self._output = _Output(self.transport, self.loop)
        self.gone = False
        self.on_gone: Callable[[], None] | None = None
        self.parser = _Parser(self)
        self._at_work: Any = None  #: the request that is being answered; uvicorn knows the last that has come
        self._head = 0
        self._whole = False
        self._heard = self.loop.time()
        self._answered: float | None = None  #: when the last answer ended, if nothing has come since
        self._idle: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle = self.loop.call_later(self.silence, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting, and say so to who works for the client."""
        self._watch.cancel()
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)
        if self._at_work is not None and not self._at_work.response_complete:
            self._at_work.disconnected = True
            self._at_work.message_event.set()
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()

    def data_received(self, data: bytes) -> None:
        """Count what comes before the body, and refuse what is too much of it."""
        self._heard = self.loop.time()
        self._answered = None
        self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            if self._nothing_owed():
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """It is the client's turn again."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[CONNECTION] = self
        self._whole = False

    def declines(self) -> bool:
        """Whether the head that was read offers a protocol that nobody here speaks."""
        if not self.parser.should_upgrade():
            return False
        offered = [value.lower() for name, value in self.headers if name == b"upgrade"]
        return offered not in ([], [b"websocket"])

    def head_without_offer(self) -> bytes:
        """Return the head that was read, to be read again."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%s: %s" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def on_headers_complete(self) -> None:
        """Answer what will not be read again."""
        if self.declines():
            return
        before: Any = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.message_event = _Signal()

    def on_response_complete(self) -> None:
        """Begin with the next request, or wait for it; as uvicorn does, but with one timer for many answers."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._answered = self.loop.time()
        if self._idle is None:
            self._idle = self.loop.call_later(self.timeout_keep_alive, self._look_again)

    def _look_again(self) -> None:
        """Hang up where nothing has come since the last answer for as long as a connection is kept."""
        self._idle = None
        if self._answered is None:
            return  # what has come since may go on slowly
        left = self._answered + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle = self.loop.call_later(left, self._look_again)
        elif not self.transport.is_closing():
            self.transport.close()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._at_work = cycle
        cycle.transport = self._output
        self._output.begin()
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Leave the body to those who know how much of it they want."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is our turn now."""
        if self.declines():
            return
        self._head = 0
        self._whole = True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to what looks after its client by pings of its own."""
        self._watch.cancel()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """Let the client finish what it has begun to say, if that is soon."""
        super().shutdown()
        self.loop.call_later(LAST_WORDS, self._cut_short)

    def _cut_short(self) -> None:
        if self._clients_turn():
            self.transport.close()

    def _look(self) -> None:
        """Hang up where the client has been silent for too long; look again when it may have been."""
        quiet = self.loop.time() - self._heard
        if quiet >= self.silence and self._clients_turn():
            self.transport.close()
            return
        self._watch = self.loop.call_later(max(self.silence - quiet, 1.0), self._look)

    def _clients_turn(self) -> bool:
        return self._nothing_owed() or not (self._whole or self.flow.read_paused)

    def _nothing_owed(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete
