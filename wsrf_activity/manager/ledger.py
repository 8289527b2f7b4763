"""One change, one transaction: read an activity, apply a step of the model, write it and what follows, tell of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from wsrf_activity.manager.kin import Family, Links, MembersFirst, Overtaken
from wsrf_activity.manager.waiting import Waiters
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity, Refused, Unavailable
from wsrf_activity.model.events import Logged
from wsrf_activity.store import Database, Records

T = TypeVar("T")
Clock = Callable[[], datetime]
Step = Callable[[Activity, datetime], Activity]
#: What is done in one transaction, at one time.
FamilyChange = Callable[[Family, Records, datetime], T]
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
        self.followed: Callable[[Sequence[Activity]], None] = lambda changed: None  #: told who holds work, or queues it
        self.links: Links | None = None
        self.news: Callable[[str, str | None, Sequence[Logged]], None] = lambda activity_id, owner, logged: None
        self.reads: Callable[[str], bool] = lambda activity_id: False  #: whether it is worth saying what is in the log

    async def change(
        self, activity_id: str, step: Step, *, fence: int | None = None, known: Activity | None = None
    ) -> Activity:
        """Apply ``step`` to the activity as it is now and return what it became.

        What follows from that for those that it belongs to is in the same transaction. Raises what the step raises,
        NoSuchActivity, and FenceLost where the work has another holder by now.

        ``known`` is what the caller takes it to be, which spares reading it: where it has changed meanwhile nothing is
        written, by its version, and the next try reads it. It is of no use for a member of another activity, whose
        termination time follows that one's under the same version.
        """
        first = None if known is None or known.parent is not None else known

        def apply(family: Family, records: Records, now: datetime) -> Activity:
            nonlocal first
            old, first = first or records.get_to_change(activity_id), None
            if old is None:
                raise NoSuchActivity
            if fence is not None and old.fence != fence:
                raise FenceLost("the work has been taken over")
            return family.write(old, step(old, now))

        return await self.change_family(activity_id, apply)

    async def change_family(self, activity_id: str, change: FamilyChange[T]) -> T:
        """Run ``change`` in a transaction until nobody gets in its way, then tell of all that it has changed.

        Where the activity ends others with it, its members are locked before ``change`` is called once more.
        """
        return await asyncio.shield(asyncio.ensure_future(self._change(activity_id, change)))

    async def _change(self, activity_id: str, change: FamilyChange[T]) -> T:
        now = self.clock()
        members_first = False

        def transaction(records: Records) -> tuple[Family, T, Mapping[str, Sequence[Logged]]]:
            family = Family(records, now, self.links)
            if members_first:
                family.hold_members(activity_id)
            result = change(family, records, now)
            return family, result, family.logged(self.reads)

        for _ in range(_TRIES):
            try:
                family, result, logged = await self.database.change(transaction)
            except Overtaken:
                continue
            except MembersFirst:
                members_first = True
                continue
            for changed in family.changed.values():
                self.publish(changed, logged.get(changed.id, ()))
            self.followed(list(family.changed.values()))
            return result
        raise Unavailable("the activity is being changed too often at once; try again")

    def publish(self, activity: Activity, logged: Sequence[Logged] = ()) -> None:
        """Tell of a committed change: those who wait, who have subscribed, and who looks after termination times.

        ``logged`` are its rows of the log, if they are known.

        What is being destroyed is no news for those: whoever destroys it sees it through.
        """
        self.waiters.publish(activity)
        self.news(activity.id, activity.owner, logged)
        if activity.terminates is not None and not activity.leaving:
            self.deadline_moved(activity.terminates)
