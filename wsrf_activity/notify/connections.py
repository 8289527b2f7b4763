"""Connections that are kept for the next message. Each is for one scheme, name, port and address, and for nothing else.

So a connection whose certificate was checked for one name never serves another that has the same address.
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

IDLE_FOR = 30.0  #: seconds after which a connection without work is closed
MOST_IDLE = 256  #: connections without work, all in all


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection goes, and in whose name."""

    scheme: str
    name: str
    port: int
    address: str


@dataclass(slots=True, eq=False)
class Connection:
    """One connection: a pool of one, which who has taken it uses alone."""

    place: Place
    transport: httpx.AsyncHTTPTransport
    until: float = field(default=0.0)  #: when it is closed without work, by the loop's clock; 0 before it was kept


class Connections:
    """Opens connections, and keeps those that are given back."""

    def __init__(
        self, trust: Callable[[], ssl.SSLContext], *, idle_for: float = IDLE_FOR, most_idle: int = MOST_IDLE
    ) -> None:
        """Begin with none. ``trust`` makes what certificates are checked against, when it is first needed."""
        self._trust = trust
        self._no_trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without TLS nothing is checked against it
        self._reading: asyncio.Task[ssl.SSLContext] | None = None
        self._idle_for = idle_for
        self._most_idle = most_idle
        self._idle: dict[Connection, None] = {}  #: the one that is idle longest first
        self._by_place: defaultdict[Place, list[Connection]] = defaultdict(list)
        self._timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def fresh(self, place: Place) -> Connection:
        """Return a connection that is opened when it is used."""
        context = self._no_trust if place.scheme == "http" else await self._trusted()
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
        return Connection(place, httpx.AsyncHTTPTransport(verify=context, limits=limits, trust_env=False))

    def kept(self, places: Iterable[Place]) -> Connection | None:
        """Take the connection that was used last to the first of these places that has one."""
        for place in places:
            if place in self._by_place:
                connection = self._by_place[place][-1]
                self._remove(connection)
                return connection
        return None

    def keep(self, connection: Connection) -> None:
        """Give a connection back that somebody else may use."""
        loop = asyncio.get_running_loop()
        connection.until = loop.time() + self._idle_for
        self._idle[connection] = None
        self._by_place[connection.place].append(connection)
        if len(self._idle) > self._most_idle:
            self._drop(next(iter(self._idle)))
        if self._timer is None:
            self._timer = loop.call_at(connection.until, self._sweep)

    async def close(self) -> None:
        """Close all that have no work."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._idle):
            self._drop(connection)
        while self._closing:
            await asyncio.gather(*self._closing)

    async def _trusted(self) -> ssl.SSLContext:
        """Read the certificates of all authorities, which takes a while: once, whoever gives up waiting for it."""
        if self._reading is None or (self._reading.done() and self._reading.exception() is not None):
            self._reading = asyncio.create_task(asyncio.to_thread(self._trust))
        return await asyncio.shield(self._reading)

    def _remove(self, connection: Connection) -> None:
        del self._idle[connection]
        same = self._by_place[connection.place]
        same.remove(connection)
        if not same:
            del self._by_place[connection.place]

    def _drop(self, connection: Connection) -> None:
        self._remove(connection)
        self._begin(connection.transport.aclose())

    def _begin(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _sweep(self) -> None:
        """Close what has been idle too long, and come again when the next will have been."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._idle:
            oldest = next(iter(self._idle))
            if oldest.until > loop.time():
                self._timer = loop.call_at(oldest.until, self._sweep)
                return
            self._drop(oldest)
