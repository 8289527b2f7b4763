"""How long a server that went away is waited for, and how much of a time limit is left."""

import random
import time
from datetime import timedelta

from wsrf_activity.client.ports import Port
from wsrf_activity.client.where import Where

AWAY = 86400.0  #: seconds: over night a server may be down without anybody having to wait anew
_FIRST, _LONGEST = 0.1, 3.0  #: seconds between two attempts


class Deadline:
    """A moment from which on nothing more is waited for; without one, there is time enough."""

    def __init__(self, timeout: float | timedelta | None) -> None:
        """Begin to count; a number is of seconds."""
        self.timeout = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        self._at = None if self.timeout is None else time.monotonic() + self.timeout

    def left(self, most: float) -> float:
        """Return how many seconds are left, never more than ``most`` and never less than none."""
        return most if self._at is None else min(most, max(0.0, self._at - time.monotonic()))

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._at is not None and time.monotonic() >= self._at


class Patience:
    """``limit`` seconds without an answer, not in all. It is begun anew for each thing that is asked.

    A server is worth waiting for only when it was there before: ``reached`` is where somebody answered.
    """

    def __init__(
        self, port: Port, where: Where, reached: set[str], address: str, limit: float, deadline: Deadline | None = None
    ) -> None:
        self._port = port
        self._where = where
        self._reached = reached
        self._origin = where.origin(address)
        self._limit = limit
        self._deadline = deadline or Deadline(None)
        self._since: float | None = None
        self._pause = _FIRST
        self.tried = 0  #: attempts that failed

    def answered(self) -> None:
        """Note that the server is there."""
        self._reached.add(self._origin)
        self._since = None
        self._pause = _FIRST

    async def lost(self, problem: Exception) -> None:
        """Pause before another attempt. Raises ``problem`` where there was never a server, or patience is over."""
        now = time.monotonic()
        self._since = self._since or now
        self.tried += 1
        if self._origin not in self._reached or now - self._since >= self._limit or self._deadline.over:
            raise problem
        await self.idle()
        self._where.refresh()

    async def idle(self) -> None:
        """Pause; those who lost the server together do not all come back together."""
        await self._port.pause(self._deadline.left(self._pause * random.uniform(0.5, 1.0)))
        self._pause = min(self._pause * 1.5, _LONGEST)
