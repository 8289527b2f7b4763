"""What happens unasked: expired activities are reaped when their time comes, by APScheduler, woken by the next one.

The scheduler sleeps on a clock that does not know of steps of the wall clock, nor of the time a stopped process was
away; so a heartbeat compares the wall clock with the deadline, in memory, every second.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from wsrf_activity.manager import Manager

log = logging.getLogger(__name__)
_HEARTBEAT = 1.0  #: seconds
_RETRY = timedelta(seconds=5)  #: after something could not be removed
_LONGEST = timedelta(days=1)  #: that the scheduler is asked to sleep
_JOB = "reap"


class Reaper:
    """Removes what has expired, and nothing before."""

    def __init__(self, manager: Manager, clock: Callable[[], datetime]) -> None:
        """Reap for ``manager``; ``start`` makes it run."""
        self._manager = manager
        self._clock = clock
        # Two at a time, of which one waits for the other: the scheduler still counts one that is about to return.
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "max_instances": 2})
        self._deadline: datetime | None = None
        self._reaping = asyncio.Lock()
        self._heart: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reap what expired while no server ran, then sleep until the next deadline."""
        self._manager.ledger.deadline_moved = self.earlier
        self._scheduler.start()
        self._schedule(self._clock())
        self._heart = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """Reap no more. It may not have begun, where the server failed to start."""
        if self._heart is not None:
            self._heart.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def earlier(self, deadline: datetime) -> None:
        """Hear of a termination time; it counts where it comes before the one that is slept for."""
        if self._deadline is None or deadline < self._deadline:
            self._deadline = deadline
            if not self._reaping.locked():
                self._schedule(deadline)

    async def reap(self) -> None:
        """Remove all that has expired by now and look for the next deadline."""
        async with self._reaping:
            self._deadline = None
            try:
                await self._manager.remover.reap(self._clock())
                following = await self._manager.remover.next_deadline()
            except Exception:  # whatever it is, a reaper that has died would be worse
                log.warning("expired activities cannot be removed just now; trying again", exc_info=True)
                following = self._clock() + _RETRY
            heard = self._deadline
            if following is not None or heard is not None:
                self._schedule(min(time for time in (following, heard) if time is not None))

    def _schedule(self, deadline: datetime) -> None:
        self._deadline = deadline
        ahead = min(deadline - self._clock(), _LONGEST)
        trigger = DateTrigger(datetime.now(UTC) + ahead)
        self._scheduler.add_job(self.reap, trigger, id=_JOB, replace_existing=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            if self._deadline is not None and self._deadline <= self._clock() and not self._reaping.locked():
                self._schedule(self._clock())
