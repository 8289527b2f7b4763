"""What the deliverer reads and writes: subscriptions, what they are owed, and how far they have been told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from wsrf_activity.manager.eventlog import ActivityLogs, ActivityReader, OwnerLog, OwnerReader
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.events import Logged
from wsrf_activity.model.subscriptions import Delivery, Subscription, going_like, going_well
from wsrf_activity.store import Database, Horizon, Records

log = logging.getLogger(__name__)
T = TypeVar("T")
_SOON = 0.05  #: seconds that positions wait for others before they are written
_RETRY = 1.0  #: seconds before the database is asked again after it did not answer
_SETTLES = 0.5  #: seconds between two looks at how far the log is settled, while there is news
PULLED = 10_000  #: messages in one pull point
PULLED_BYTES = 64 << 20


@dataclass(slots=True)
class _Told:
    """How far a subscription has come since that was last written."""

    position: int = 0
    messages: int = 0


class Telling:
    """The log for the deliverer (``notify.base.Log``), on whichever server delivers."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing read."""
        self._database = database
        self._logs = ActivityLogs(database)
        self._owners: dict[str, OwnerLog] = {}
        self._horizon = _SettledLog()
        self._looking = asyncio.Lock()
        self._told: dict[str, _Told] = {}
        self._failing: set[str] = set()
        self._something = asyncio.Event()
        self._unsettled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        #: Told of what was found in the log without anybody having said that it is there.
        self.unsaid: Callable[[str, str], None] = lambda activity_id, owner: None
        self.filled: Callable[[str], None] = lambda pull_point_id: None  #: told of pull points that messages came to

    async def start(self) -> None:
        """Begin to write down what is told."""
        self._tasks = [
            asyncio.create_task(self._often(self._something, self._write, _SOON), name="positions"),
            asyncio.create_task(self._often(self._unsettled, self._settle, _SETTLES), name="horizon"),
        ]

    async def stop(self) -> None:
        """Write what is left to be written, if the database can."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._write()
        except Unavailable:
            log.warning("some of what was delivered last will be delivered again")

    def reads(self, activity_id: str) -> bool:
        """Whether rows that come to the log of an activity are worth saying to ``news``. From any thread."""
        return self._logs.has(activity_id)

    def news(self, activity_id: str, owner: str | None, logged: Sequence[Logged] = ()) -> None:
        """Hear that something was committed; None is an owner that is not known. ``logged`` is all of one change, if
        anything.
        """
        self._logs.news(activity_id, logged)
        if not self._owners:
            return
        for known in [self._owners.get(owner)] if owner is not None else self._owners.values():
            if known is not None:
                known.news(activity_id)
        self._unsettled.set()

    def forget(self) -> None:
        """Read everything anew: somebody else has delivered meanwhile, or something was not heard."""
        self._logs.forget()
        self._owners.clear()

    # What the deliverer needs.

    async def subscriptions(self, ids: Collection[str] | None = None) -> Sequence[Subscription]:
        """Return those of these that there are; all where none are named."""
        found = await self._database.read(lambda records: records.subscriptions.some(ids))
        self._failing |= {each.id for each in found if each.delivery is not Delivery.ACTIVE}
        to_all = [each for each in found if each.activity_id is None]
        for owner in {each.owner for each in to_all} - self._owners.keys():
            # Where the horizon cannot be told, no subscription was further than its own position.
            settled = await self._settled()
            if settled is None:
                settled = min(each.position for each in to_all if each.owner == owner)
            self._owners.setdefault(owner, OwnerLog(owner, self._database, self._logs, settled))
        if to_all:
            self._unsettled.set()
        return found

    def reader(self, subscription: Subscription) -> ActivityReader | OwnerReader:
        """Return what reads on from the subscription's position."""
        if subscription.activity_id is not None:
            return ActivityReader(self._logs, subscription.activity_id, subscription.position)
        return OwnerReader(self._owners[subscription.owner], self._logs, subscription.position)

    async def delivered(self, subscription_id: str, position: int, messages: int) -> None:
        """Note how far a subscription has been told; soon on the disk, together with others. Ends Retrying."""
        told = self._told.setdefault(subscription_id, _Told())
        told.position = max(told.position, position)
        told.messages += messages
        self._something.set()

    async def failed(self, subscription: Subscription) -> None:
        """Write how the delivery of a subscription goes."""
        self._failing.add(subscription.id)
        told = self._told.pop(subscription.id, _Told())  # its success came before this failure

        def transaction(records: Records) -> None:
            records.subscriptions.advance([(subscription.id, told.position, told.messages)])
            known = records.subscriptions.get(subscription.id)
            if known is not None:
                records.subscriptions.save(going_like(known, subscription))

        try:
            await self._database.change(transaction)
        except BaseException:
            if told.position:
                await self.delivered(subscription.id, told.position, told.messages)
            raise

    async def confirmed(self, subscription_id: str) -> None:
        """Note that the consumer has confirmed."""

        def transaction(records: Records) -> None:
            known = records.subscriptions.get(subscription_id)
            if known is not None:
                records.subscriptions.save(replace(known, confirmed=True))

        await self._database.change(transaction)

    async def finished(self, subscription_id: str) -> None:
        """Remove a subscription whose activity is gone and which has had everything."""
        self._told.pop(subscription_id, None)
        await self._database.change(lambda records: records.subscriptions.remove_one(subscription_id))

    async def put(self, subscription: Subscription, messages: Sequence[bytes], position: int) -> bool:
        """Put messages into the subscription's pull point, and its position forward, at once; False without room."""
        pull_point = subscription.pull_point
        assert pull_point is not None

        def transaction(records: Records) -> bool:
            if messages and not records.subscriptions.put(pull_point, messages, PULLED, PULLED_BYTES):
                return False
            records.subscriptions.advance([(subscription.id, position, len(messages))])
            return True

        taken = await self._database.change(transaction)
        if taken and messages:
            self.filled(pull_point)
        return taken

    # What is done beside.

    async def _often(self, wanted: asyncio.Event, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            await wanted.wait()
            wanted.clear()
            await asyncio.sleep(pause)
            try:
                await work()
            except Unavailable:
                wanted.set()
                await asyncio.sleep(_RETRY)
            except Exception:  # whatever it is, subscriptions that are never written any more would be worse
                log.exception("what was delivered cannot be noted just now")
                wanted.set()
                await asyncio.sleep(_RETRY)

    async def _write(self) -> None:
        told, self._told = self._told, {}
        if not told:
            return
        well = self._failing & told.keys()

        def transaction(records: Records) -> None:
            subscriptions = records.subscriptions
            subscriptions.advance((id_, each.position, each.messages) for id_, each in sorted(told.items()))
            for subscription_id in sorted(well):
                known = subscriptions.get(subscription_id)
                if known is not None:
                    subscriptions.save(going_well(known))
            subscriptions.forget_departed(subscriptions.departed_owners(list(told)))

        try:
            await self._database.change(transaction)
        except BaseException:
            for subscription_id, each in told.items():
                await self.delivered(subscription_id, each.position, each.messages)
            raise
        self._failing -= well

    async def _settle(self) -> None:
        settled = await self._look()
        for owner_log in list(self._owners.values()):
            for activity_id in await owner_log.settle(settled or 0):
                self.unsaid(activity_id, owner_log.owner)
        if settled is None or settled < self._horizon.last:
            self._unsettled.set()

    async def _settled(self) -> int | None:
        """Return how far the log is settled by now; None where others on the same PostgreSQL write for long."""
        for _ in range(_LOOKS):
            found = await self._look()
            if found is not None:
                return found
            await asyncio.sleep(_SOON)
        return None

    async def _look(self) -> int | None:
        """Look at what is under way, one look after the other; return how far the log is settled, None if not known."""
        async with self._looking:
            return self._horizon.settled(await self._database.read(lambda records: records.subscriptions.horizon()))


class _SettledLog:
    """How far the log is settled: up to a row that was the last when nobody wrote, or all who wrote then have ended.

    The numbers of transactions do not tell: to a snapshot of PostgreSQL one that has a number above those of all that
    have ended looks like one that has not begun, and it may hold a lower id than what is there.
    """

    def __init__(self) -> None:
        self.last = 0
        self._settled: int | None = None
        self._pending: Horizon | None = None

    def settled(self, seen: Horizon) -> int | None:
        """Take a later look into account and return the id up to which nothing can appear any more, once known."""
        self.last = seen.last
        if not seen.writers:  # as always on SQLite
            self._settled, self._pending = seen.last, None
        elif self._pending is None:
            self._pending = seen
        else:
            left = set(self._pending.writers).intersection(seen.writers)
            if left:
                self._pending = Horizon(self._pending.last, left)
            else:
                self._settled, self._pending = self._pending.last, seen
        return self._settled


_LOOKS = 40  #: at transactions that are under way
