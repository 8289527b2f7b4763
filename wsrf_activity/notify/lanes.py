"""Who may send now: so many in each lane and at each host, so that nobody waits for somebody else's consumer."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Final


class Lane(Enum):
    """Subscriptions that may be held up by the same thing."""

    HEALTHY = "healthy"
    FAILING = "failing"  #: whose last delivery failed, or was slow: they may take long each time
    LOCAL = "local"  #: for pull points, which are in the database


WIDTHS: Final = {Lane.HEALTHY: 256, Lane.FAILING: 32, Lane.LOCAL: 32}
PER_HOST: Final = 8  #: in all lanes; half of it in any but the healthy one


class Lanes:
    """Gives places away: within a lane to one host after the other, at a host to whoever came first.

    Who waits for a host that is full holds no place.
    """

    def __init__(self, widths: Mapping[Lane, int] = WIDTHS, per_host: int = PER_HOST) -> None:
        """Begin with all places free."""
        self._free = dict(widths)
        self._per_host = per_host
        self._taken: Counter[str | tuple[Lane, str]] = Counter()  #: at each host, and of that in each lane
        self._waiting: defaultdict[tuple[Lane, str], deque[asyncio.Future[None]]] = defaultdict(deque)
        self._hosts: dict[Lane, dict[str, None]] = {lane: {} for lane in Lane}  #: that may be next, in turn

    @asynccontextmanager
    async def place(self, lane: Lane, host: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        await self._take(lane, host)
        try:
            yield
        finally:
            self._give_back(lane, host)

    async def _take(self, lane: Lane, host: str) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting[lane, host].append(future)
        self._hosts[lane][host] = None
        self._next(lane)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._give_back(lane, host)
            raise

    def _give_back(self, lane: Lane, host: str) -> None:
        self._free[lane] += 1
        for key in (host, (lane, host)):
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
        for each in Lane:
            if (each, host) in self._waiting:
                self._hosts[each].setdefault(host)
            self._next(each)

    def _next(self, lane: Lane) -> None:
        """Give places away, as far as there are any. A host that is full stands in line again when it no longer is."""
        hosts = self._hosts[lane]
        while hosts and self._free[lane]:
            host = next(iter(hosts))
            del hosts[host]
            if self._full(lane, host):
                continue
            future = self._first(lane, host)
            if future is None:
                continue
            future.set_result(None)
            self._free[lane] -= 1
            self._taken[host] += 1
            self._taken[lane, host] += 1
            if (lane, host) in self._waiting:
                hosts[host] = None

    def _full(self, lane: Lane, host: str) -> bool:
        most = self._per_host if lane is Lane.HEALTHY else max(self._per_host // 2, 1)
        return self._taken[host] >= self._per_host or self._taken[lane, host] >= most

    def _first(self, lane: Lane, host: str) -> "asyncio.Future[None] | None":
        """Take the first who still waits."""
        line = self._waiting[lane, host]
        while line and line[0].done():
            line.popleft()
        future = line.popleft() if line else None
        if not line:
            del self._waiting[lane, host]
        return future
