"""What a holder writes of its work: what the work says of itself, and what has become of it, however long it takes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from wsrf_activity.engines.base import Estimated, Listener, Said, Spawned, Warned
from wsrf_activity.manager.attempts import Attempt
from wsrf_activity.manager.lease import Lease
from wsrf_activity.manager.ledger import Ledger, Step
from wsrf_activity.manager.spawning import Spawner
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Progress
from wsrf_activity.model.errors import NoSuchActivity, Problem, Refused, Unavailable

log = logging.getLogger(__name__)
_RETRY = 1.0  #: seconds before the database is asked again after it did not answer
_T = TypeVar("_T")


class Writer:
    """Changes activities as their holder."""

    def __init__(
        self,
        ledger: Ledger,
        lease: Lease,
        spawner: Spawner,
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
    ) -> None:
        """Write to ``ledger`` while the lease is held; ``spawn`` begins a task that nobody waits for."""
        self._ledger = ledger
        self._lease = lease
        self._spawner = spawner
        self._spawn = spawn

    async def change(self, attempt: Attempt, step: Step) -> None:
        """Write what has become of the work."""
        attempt.activity = await self._write(attempt.activity, step)

    async def end(self, attempt: Attempt, step: Step) -> None:
        """Write how the work ended: as a rule nobody has changed the activity since this server did."""
        known = attempt.activity
        attempt.activity = await self._persevere(
            known, lambda: self._ledger.change(known.id, step, fence=known.fence, known=known)
        )

    async def take_spawned(self, activity: Activity) -> None:
        """Start what the work has left to be started; once more is no harm."""
        await self._persevere(activity, lambda: self._spawner.take(activity))

    def listener(self, attempt: Attempt) -> Listener:
        """What the work says of itself becomes changes, before its end does; the engine need not wait for them."""

        def listen(said: Said) -> None:
            self.before_end(attempt, self._heard(attempt, attempt.activity, said))

        return listen

    def before_end(self, attempt: Attempt, writes: Coroutine[Any, Any, None]) -> None:
        """Begin what the end of the attempt waits for."""
        task = self._spawn(writes)
        attempt.heard.add(task)
        task.add_done_callback(attempt.heard.discard)

    async def _write(self, activity: Activity, step: Step) -> Activity:
        """Change an activity as its holder, however long the database takes to come back."""
        return await self._persevere(activity, lambda: self._ledger.change(activity.id, step, fence=activity.fence))

    async def _persevere(self, activity: Activity, change: Callable[[], Awaitable[_T]]) -> _T:
        while True:
            await self._lease.wait()
            try:
                return await change()
            except Unavailable:
                log.warning("activity %s cannot be written; trying again", activity.id, exc_info=True)
                await asyncio.sleep(_RETRY)

    async def _heard(self, attempt: Attempt, activity: Activity, said: Said) -> None:
        """Write what the work said. Of warnings every one counts; progress is soon followed by newer progress."""

        def step(old: Activity, now: datetime) -> Activity:
            match said:
                case Warned():
                    return changes.warn(old, now, said.message, said.heard)
                case Estimated():
                    return changes.estimate(old, said.end)
                case Progress():
                    return changes.report_progress(old, said)
            return old

        try:
            async with attempt.speaking:
                if isinstance(said, Spawned):
                    await self._spawner.take(activity)
                elif isinstance(said, Warned):
                    await self._write(activity, step)
                else:
                    await self._ledger.change(activity.id, step, fence=activity.fence)
        except (Refused, NoSuchActivity):
            log.debug("activity %s has ended; a late word of its work is not wanted", activity.id)
        except Problem:
            log.warning("activity %s: progress could not be written", activity.id, exc_info=True)
