"""Connections that are kept for the next message. Each is for one scheme, name, port and address, and for nothing else.

So a connection whose certificate was checked for one name never serves another that has the same address.
"""

import asyncio
import logging
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterable

from wsrf_activity.notify.posting import Connection, Place, Unreachable, opened

log = logging.getLogger(__name__)
IDLE_FOR = 30.0  #: seconds after which a connection without work is closed
MOST_IDLE = 256  #: connections without work, all in all


class Connections:
    """Opens connections, and keeps those that are given back."""

    def __init__(
        self, trust: Callable[[], ssl.SSLContext], *, idle_for: float = IDLE_FOR, most_idle: int = MOST_IDLE
    ) -> None:
        """Begin with none. ``trust`` makes what certificates are checked against, when it is first needed."""
        self._trust = trust
        self._reading: asyncio.Task[ssl.SSLContext | None] | None = None
        self._idle_for = idle_for
        self._most_idle = most_idle
        self._idle: dict[Connection, None] = {}  #: the one that is idle longest first
        self._by_place: defaultdict[Place, list[Connection]] = defaultdict(list)
        self._timer: asyncio.TimerHandle | None = None

    async def fresh(self, place: Place) -> Connection:
        """Open a connection; raises Unreachable."""
        return await opened(place, None if place.scheme == "http" else await self._trusted())

    def kept(self, places: Iterable[Place]) -> Connection | None:
        """Take the connection that was used last to the first of these places that has one."""
        for place in places:
            while place in self._by_place:
                connection = self._by_place[place][-1]
                self._remove(connection)
                if connection.lasts:
                    return connection
        return None

    def keep(self, connection: Connection) -> None:
        """Give a connection back: somebody else may use it, if it lasts."""
        if not connection.lasts:
            connection.close()
            return
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
            self._remove(connection)
            connection.abort()
        await asyncio.sleep(0)  # in which they hear of it

    async def _trusted(self) -> ssl.SSLContext:
        """Read the certificates of all authorities, which takes a while: once, whoever gives up waiting for it.

        Raises Unreachable where they cannot be read; who comes then has it tried again.
        """
        if self._reading is None or (self._reading.done() and self._reading.result() is None):
            self._reading = asyncio.create_task(asyncio.to_thread(self._trust_in_http))
        context = await asyncio.shield(self._reading)
        if context is None:
            raise Unreachable("the certificates of authorities cannot be read")
        return context

    def _trust_in_http(self) -> ssl.SSLContext | None:
        try:
            context = self._trust()
            context.set_alpn_protocols(["http/1.1"])
        except Exception as error:
            log.warning("the certificates of authorities cannot be read, so nothing is sent by https: %r", error)
            return None
        return context

    def _remove(self, connection: Connection) -> None:
        del self._idle[connection]
        same = self._by_place[connection.place]
        same.remove(connection)
        if not same:
            del self._by_place[connection.place]

    def _drop(self, connection: Connection) -> None:
        self._remove(connection)
        connection.close()

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
