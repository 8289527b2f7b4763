"""Consumers of notifications on loopback, good ones and bad ones, that keep connections as real ones do."""

import asyncio
import hashlib
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from tests.unit.notify.twins import Bell, told

Behaviour = Literal["ok", "500", "hang", "half", "garbage", "redirect", "closed", "slow", "close after", "drop next"]

_ANSWERS: dict[str, bytes] = {
    "ok": b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    "slow": b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    "close after": b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    "500": b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops",
    "redirect": b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
    "half": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
    "garbage": b"\x00\xff nonsense\r\n\r\n",
    "closed": b"",
}
_TAKEN = ("ok", "slow", "close after")
_LASTING = ("ok", "slow", "500", "redirect")


@dataclass(eq=False)
class Consumer:
    """Listens on 127.0.0.1, and behaves as it is told from request to request."""

    bell: Bell
    behaviour: Behaviour = "ok"
    port: int = 0
    connections: int = 0  #: all in all
    open: int = 0
    bodies: list[bytes] = field(default_factory=list)  #: all that came
    heads: list[bytes] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)  #: event ids that were answered with success
    confirms: bool = True
    _talks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @asynccontextmanager
    async def listening(self, port: int = 0, context: ssl.SSLContext | None = None) -> AsyncIterator["Consumer"]:
        server = await asyncio.start_server(self._begin, "127.0.0.1", port or self.port, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await self.hang_up()

    async def hang_up(self) -> None:
        """Close all connections."""
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()
            self.open -= 1
            self.bell.ring()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        behaviour = self.behaviour
        self.heads.append(head)
        self.bodies.append(body)
        self.bell.ring()
        if behaviour == "drop next":
            self.behaviour = "ok"
            return False
        if behaviour == "hang":
            await reader.read()
            return False
        if behaviour == "slow":
            await asyncio.sleep(0.05)
        writer.write(self._said(behaviour, body))
        await writer.drain()
        return behaviour in _LASTING and b"connection: close" not in head.lower()

    def _said(self, behaviour: Behaviour, body: bytes) -> bytes:
        asked = re.fullmatch(rb"<Verify>(.*)</Verify>", body)
        if asked and behaviour in _TAKEN:
            answer = hashlib.sha256(asked[1] if self.confirms else b"").hexdigest().encode()
            return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer)
        if behaviour in _TAKEN:
            self.accepted += told(body)
        return _ANSWERS[behaviour]
