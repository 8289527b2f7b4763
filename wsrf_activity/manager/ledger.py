"""One change, one transaction: read an activity, apply a step of the model, write it with its events, tell waiters."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from wsrf_activity.manager.waiting import Waiters
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity, Refused, Unavailable
from wsrf_activity.model.events import between
from wsrf_activity.store import Database, Records

Clock = Callable[[], datetime]
Step = Callable[[Activity, datetime], Activity]
_TRIES = 20  #: of a change that another server's got in the way of


class FenceLost(Refused):
    """Another holder has taken the work over; what the earlier one reports is no longer wanted."""


class Ledger:
    """The changes of activities, seen by all who wait in this process."""

    def __init__(self, database: Database, waiters: Waiters, clock: Clock) -> None:
        """Keep where changes go and who hears of them."""
        self.database = database
        self.waiters = waiters
        self.clock = clock
        self.deadline_moved: Callable[[datetime], None] = lambda deadline: None
        self.subscription_gone: Callable[[str], None] = lambda subscription_id: None
        self.news: Callable[[str, str | None], None] = lambda activity_id, owner: None

    async def change(self, activity_id: str, step: Step, *, fence: int | None = None) -> Activity:
        """Apply ``step`` to the activity as it is now and return what it became.

        Raises what the step raises, NoSuchActivity, and FenceLost where the work has another holder by now.
        """
        return await asyncio.shield(asyncio.ensure_future(self._change(activity_id, step, fence)))

    async def _change(self, activity_id: str, step: Step, fence: int | None) -> Activity:
        now = self.clock()

        def transaction(records: Records) -> Activity | None:
            old = records.get_to_change(activity_id)
            if old is None:
                raise NoSuchActivity
            if fence is not None and old.fence != fence:
                raise FenceLost("the work has been taken over")
            new = step(old, now)
            return new if records.save(old, new, between(old, new, now)) else None

        for _ in range(_TRIES):
            changed = await self.database.change(transaction)
            if changed is not None:
                self.publish(changed)
                return changed
        raise Unavailable("the activity is being changed too often at once; try again")

    def publish(self, activity: Activity) -> None:
        """Tell of a committed change: those who wait, who have subscribed, and who looks after termination times."""
        self.waiters.publish(activity)
        self.news(activity.id, activity.owner)
        if activity.terminates is not None:
            self.deadline_moved(activity.terminates)
