"""The web service of a consumer: HTTP/1.1 on asyncio and h11, bounded in size, time and number."""

import asyncio
import secrets
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import h11

from wsrf_activity.client.inbox import Inbox, Reply
from wsrf_activity.client.signatures import HEADER

MOST: Final = 16 << 20  #: bytes of one message
CONNECTIONS: Final = 100  #: at a time
IDLE: Final = 120.0  #: seconds that a connection may say nothing
LINGER: Final = 2.0  #: seconds that what is too much is read on
_BLOCK: Final = 1 << 16  #: bytes


@dataclass(frozen=True, slots=True)
class At:
    """Where to listen, and how that is called from outside."""

    origin: str  #: scheme, host and port as others reach them
    path: str
    host: str
    port: int  #: 0 is any

    @classmethod
    def of(cls, address: str, bind: str | None) -> "At":
        """Read an address. Without a path it gets one that nobody guesses. Raises ValueError for what is none."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{address!r} is no http or https address to listen at")
        path = parts.path if parts.path.strip("/") else f"/{secrets.token_urlsafe(16)}"
        usual = 443 if parts.scheme == "https" else 80
        port = usual if parts.port is None else parts.port
        inside = urlsplit(f"//{bind or parts.netloc}")
        inside_port = port if inside.port is None else inside.port
        return cls(f"{parts.scheme}://{parts.netloc}", path, inside.hostname or parts.hostname, inside_port)

    def url(self, port: int) -> str:
        """Return the address to tell others, given the port that is listened at."""
        origin = self.origin
        return f"{f'{origin[:-2]}:{port}' if origin.endswith(':0') else origin}{self.path}"


class Listener:
    """Listens on the running event loop, and hands what comes to an inbox."""

    def __init__(self, at: At, inbox: Inbox, tls: ssl.SSLContext | None) -> None:
        """``tls`` is the certificate, where the listener itself and not a proxy before it speaks https."""
        self._at = at
        self._inbox = inbox
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.address = ""  #: where messages are to be sent, once it listens

    async def start(self) -> None:
        """Begin to listen. Raises OSError where the port is taken."""
        self._server = await asyncio.start_server(self._serve, self._at.host, self._at.port, ssl=self._tls)
        self.address = self._at.url(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) <= CONNECTIONS:
                await _Connection(reader, writer, self._at.path, self._inbox).serve()
        except (OSError, TimeoutError, h11.ProtocolError, asyncio.CancelledError):
            pass  # whoever sends will send it again
        finally:
            self._connections.discard(task)
            writer.close()


class _Connection:
    """One connection, which may carry many messages one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, inbox: Inbox) -> None:
        self._reader = reader
        self._writer = writer
        self._path = path
        self._inbox = inbox
        self._http = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        """Answer requests until one side hangs up. Raises OSError, TimeoutError, h11.ProtocolError."""
        while isinstance(request := await self._next(), h11.Request):
            await self._send(await self._answer(request))
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                await self._linger()
                return
            self._http.start_next_cycle()

    async def _linger(self) -> None:
        """Read what is still being sent: who hangs up before takes the answer away from the other side."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        async with asyncio.timeout(LINGER):
            while await self._reader.read(_BLOCK):
                pass

    async def _answer(self, request: h11.Request) -> Reply:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        if request.target.decode("latin-1") != self._path:
            return Reply(404, b"nobody listens here")
        if request.method != b"POST":
            return Reply(405, b"notifications are sent by POST")
        content = await self._body(headers)
        if content is None:
            return Reply(413, b"larger than a message may be")
        return self._inbox.receive(content, headers.get(HEADER))

    async def _body(self, headers: dict[str, str]) -> bytes | None:
        """Return the whole of it, None where that is too much."""
        if int(headers.get("content-length", "0")) > MOST:
            return None
        content = bytearray()
        while isinstance(part := await self._next(), h11.Data):
            content += part.data
            if len(content) > MOST:
                return None
        return bytes(content)

    async def _next(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            async with asyncio.timeout(IDLE):
                self._http.receive_data(await self._reader.read(_BLOCK))
        return event

    async def _send(self, reply: Reply) -> None:
        headers = [("content-length", str(len(reply.content))), ("content-type", reply.content_type)]
        if reply.status == 405:
            headers.append(("allow", "POST"))
        if reply.status == 503:
            headers.append(("retry-after", "1"))
        if self._http.their_state is not h11.DONE:  # nobody reads the rest of the request
            headers.append(("connection", "close"))
        await self._write(h11.Response(status_code=reply.status, headers=headers))
        await self._write(h11.Data(data=reply.content))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            async with asyncio.timeout(IDLE):
                await self._writer.drain()
