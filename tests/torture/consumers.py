"""Consumers of notifications, outside the server: web services that are away, slow or broken at times, and well again.

What they had is what they answered with success; nobody else's books are believed.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from tests.ports import bound

Mood = Literal["well", "slow", "down", "hangs", "500", "garbage", "redirects", "half", "closes", "resets"]

_MOODS: tuple[Mood, ...] = ("slow", "down", "hangs", "500", "garbage", "redirects", "half", "closes", "resets")
_ANSWERS: dict[Mood, bytes] = {
    "500": b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops",
    "garbage": b"\x00\xff HTTP is not what this is\r\n\r\n",
    "redirects": b"HTTP/1.1 307 Elsewhere\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
    "half": b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n<half",
}
_LINGER = struct.pack("ii", 1, 0)  #: makes closing a reset
_LIMIT = 1 << 20  #: bytes of the head of a request

#: Takes path, headers and body of what a consumer accepts, and returns the body of the answer.
Take = Callable[[str, dict[str, str], bytes], bytes]


class Consumer:
    """One web service with moods. It keeps its port when it is down, so that nobody else gets it."""

    def __init__(self, take: Take, rng: random.Random) -> None:
        self.moody = True  #: until everything is to be well for good
        self.strayed: list[str] = []  #: paths that only somebody who follows redirects would call
        self._take = take
        self._rng = rng
        self._mood: Mood = "well"
        self._holder = bound()
        self.port: int = self._holder.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def address(self, path: str) -> str:
        """Return where to send to."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def live(self) -> None:
        """Be well for a while, then not, then well again, until it is cancelled."""
        try:
            while True:
                await self._be("well")
                await self._spend(self._rng.uniform(0.5, 8.0))
                if self.moody:
                    await self._be(self._rng.choice(_MOODS))
                    await self._spend(self._rng.uniform(0.5, 6.0))
        finally:
            await self._be("down")
            self._holder.close()

    def recover(self) -> None:
        """Be well from now on."""
        self.moody = False
        self._changed.set()

    async def _spend(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        if self.moody:
            self._changed.clear()
        elif self._mood == "well":
            await asyncio.Event().wait()

    async def _be(self, mood: Mood) -> None:
        before, self._mood = self._mood, mood
        if mood == "down" and self._server is not None:
            self._server.close()
            self._server = None
        if mood == "down" or before == "hangs":
            for talk in self._talks:
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)
        if mood != "down" and self._server is None:
            self._server = await asyncio.start_server(self._begin, sock=bound(self.port), limit=_LIMIT)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection lasts."""
        path, headers = _head(await reader.readuntil(b"\r\n\r\n"))
        if path == "/elsewhere":
            self.strayed.append(path)
        length, mood = int(headers["content-length"]), self._mood
        if mood in ("closes", "resets"):
            await reader.readexactly(length // 2)
            if mood == "resets":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            return False
        body = await reader.readexactly(length)
        if mood == "hangs":
            await reader.read()
            return False
        if mood == "slow":
            await asyncio.sleep(self._rng.uniform(0.1, 1.5))
        if mood in _ANSWERS:
            writer.write(_ANSWERS[mood])
        else:
            said = self._take(path, headers, body)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: %d\r\n\r\n" % len(said) + said)
        await writer.drain()
        return mood not in ("garbage", "half") and headers.get("connection") != "close"


def _head(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return first.split()[1], {name.lower(): value.strip() for name, _, value in pairs}


class Consumers:
    """All of them, on a thread of their own."""

    def __init__(self, count: int, seed: int, take: Take) -> None:
        self.all: Sequence[Consumer] = ()
        self._count = count
        self._seed = seed
        self._take = take
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="consumers", daemon=True)

    @contextmanager
    def living(self) -> Iterator["Consumers"]:
        """Be there until the end."""
        self._thread.start()
        self._ready.wait()
        try:
            yield self
        finally:
            assert self._loop is not None
            assert self._ended is not None
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    def recover(self) -> None:
        """Have all be well from now on."""
        assert self._loop is not None
        for consumer in self.all:
            self._loop.call_soon_threadsafe(consumer.recover)

    async def _live(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self.all = [Consumer(self._take, random.Random(f"{self._seed} consumer {n}")) for n in range(self._count)]
        lives = [asyncio.create_task(consumer.live()) for consumer in self.all]
        self._ready.set()
        await self._ended.wait()
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
