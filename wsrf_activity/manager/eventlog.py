"""The event log as subscriptions read it: each event with the states around it, in an order in which nothing is missed.

The events of one activity are committed in the order of their ids. Those of several are not on PostgreSQL, where a
transaction may commit a lower id after another has committed a higher one. So who follows all of an owner's activities
is given events as they appear, and a position beyond which nothing can appear any more: the horizon.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.events import TERMINATED, Change, Logged, states
from wsrf_activity.store import Database, Records

_KEPT = 500  #: changes of one activity in memory
_TAILS = 4096  #: activities whose latest changes are in memory
_HELD = 100_000  #: changes in memory, of all activities
_HEADS = 1000  #: activities of which somebody who reads old rows of many knows where he is
_PLACES = 4096  #: in logs, where somebody who is far behind has read to
_AHEAD = 64  #: pieces of logs that were read beyond what was asked for, for others who come to the same place
_ARRIVALS = 2000  #: changes in memory for those who follow all of an owner's activities
_PAGE = 500  #: rows of one scan
_SAID = 20  #: rows of one activity that are said before anybody reads on


class _Tail:
    """The latest changes of one activity."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.begins = 0  #: the id of the last row before ``changes``
        self.ends = 0  #: the id of the last row
        self.count = 0  #: rows up to there
        self.state: Activity | None = None
        self.stale = True
        self.said: list[Logged] = []  #: what has come to the log since, unless it is to be read
        self.lock = asyncio.Lock()

    def hear(self, logged: Sequence[Logged]) -> None:
        """Hear that there is more, and what, if that is known."""
        self.said += logged
        if not logged or len(self.said) > _SAID:
            self.stale, self.said = True, []

    def continued(self) -> Sequence[Change]:
        """Return what was said, but for what was read meanwhile.

        Where something before it was not said, as what another server has done, there is a gap in the sequence: then
        nothing, since the log has to be read.
        """
        said, self.said = [row for row in self.said if row.sequence > self.count], []
        if any(row.sequence != self.count + place for place, row in enumerate(said, 1)):
            self.stale = True
            return ()
        return list(states(self.state, said))

    def extend(self, found: Sequence[Change]) -> None:
        """Take what has come to the log."""
        last = found[-1]
        self.state, self.ends, self.count = last.new, last.logged.id, last.logged.sequence
        self.changes += found
        if len(self.changes) > _KEPT:
            self.begins = self.changes[-_KEPT - 1].logged.id
            del self.changes[:-_KEPT]


class ActivityLogs:
    """The logs of single activities; what many read is read once, and never a whole log at a time."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing in memory."""
        self._database = database
        self._tails: OrderedDict[str, _Tail] = OrderedDict()
        self._held = 0  #: changes in all tails
        self._places: OrderedDict[tuple[str, int], Change] = OrderedDict()
        self._ahead: OrderedDict[tuple[str, int], Sequence[Change]] = OrderedDict()

    def has(self, activity_id: str) -> bool:
        """Whether somebody has read the end of an activity's log, and need not read it again. From any thread."""
        return activity_id in self._tails

    def news(self, activity_id: str, logged: Sequence[Logged] = ()) -> None:
        """Hear that there is more of an activity: the rows of a whole change, or some that are to be read."""
        tail = self._tails.get(activity_id)
        if tail is not None:
            tail.hear(logged)

    def forget(self) -> None:
        """Read everything anew."""
        self._tails.clear()
        self._places.clear()
        self._ahead.clear()
        self._held = 0

    async def after(self, activity_id: str, position: int, limit: int, known: int = 0) -> Sequence[Change]:
        """Return about ``limit`` changes beyond a position; fewer where there are no more.

        ``known`` is a row that has been seen in the log: then it is in memory, too, even if nobody told of it.
        """
        tail = await self._tail(activity_id, known)
        if position >= tail.begins:
            return [change for change in tail.changes if change.logged.id > position][:limit]
        return await self._older(activity_id, position, limit)

    async def _tail(self, activity_id: str, known: int) -> _Tail:
        tail = self._tails.setdefault(activity_id, _Tail())
        self._tails.move_to_end(activity_id)
        async with tail.lock:
            self._extend(activity_id, tail, tail.continued())
            tail.stale = tail.stale or tail.ends < known
            while tail.stale:
                tail.stale = False
                try:
                    async for found in replay(self._database, activity_id, tail.state, tail.count):
                        self._extend(activity_id, tail, found)
                except BaseException:
                    tail.stale = True
                    raise
                self._extend(activity_id, tail, tail.continued())
        return tail

    def _extend(self, activity_id: str, tail: _Tail, found: Sequence[Change]) -> None:
        if not found:
            return
        before = len(tail.changes)
        tail.extend(found)
        if self._tails.get(activity_id) is tail:
            self._held += len(tail.changes) - before
        while len(self._tails) > 1 and (len(self._tails) > _TAILS or self._held > _HELD):
            _, dropped = self._tails.popitem(last=False)
            self._held -= len(dropped.changes)

    async def _older(self, activity_id: str, position: int, limit: int) -> Sequence[Change]:
        """Read from the database, on from where somebody has read to before or else from the beginning."""
        found = self._ahead.get((activity_id, position), ())
        if len(found) < limit:
            found = await self._replayed(activity_id, position, limit)
        end = min(limit, len(found))
        while end < len(found) and not _ends(found[end - 1].logged):
            end += 1
        if end and _ends(found[end - 1].logged):
            self._places[activity_id, found[end - 1].logged.id] = found[end - 1]
            if len(self._places) > _PLACES:
                self._places.popitem(last=False)
            self._keep_ahead(activity_id, position, found)
            self._keep_ahead(activity_id, found[end - 1].logged.id, found[end:])
        return found[:end]

    async def _replayed(self, activity_id: str, position: int, limit: int) -> Sequence[Change]:
        """Read at least ``limit`` changes beyond a position, if there are so many."""
        place = self._places.get((activity_id, position))
        state, count = (place.new, place.logged.sequence) if place is not None else (None, 0)
        found: list[Change] = []
        async for changes in replay(self._database, activity_id, state, count):
            found += (change for change in changes if change.logged.id > position)
            if len(found) >= limit:
                break
        return found

    def _keep_ahead(self, activity_id: str, position: int, found: Sequence[Change]) -> None:
        """Keep what follows a position: rows of the log never change, so that who comes here later reads the same."""
        if found:
            self._ahead[activity_id, position] = found
            self._ahead.move_to_end((activity_id, position))
            if len(self._ahead) > _AHEAD:
                self._ahead.popitem(last=False)


async def replay(
    database: Database, activity_id: str, state: Activity | None = None, count: int = 0
) -> AsyncIterator[Sequence[Change]]:
    """Yield the changes of an activity beyond the first ``count`` rows, which led to ``state``, a page at a time.

    Others have their turn between two pages. A page ends with the last row of a change.
    """
    rows: list[Logged] = []
    whole = True
    while whole:
        after = rows[-1].sequence if rows else count
        page = await database.read(partial(_page, activity_id, after))
        rows += page
        whole = len(page) == _PAGE
        end = len(rows)
        while whole and end and not _ends(rows[end - 1]):
            end -= 1
        if end:
            found = list(states(state, rows[:end]))
            state, count = found[-1].new, found[-1].logged.sequence
            del rows[:end]
            yield found
            if whole:
                await asyncio.sleep(0)


def _page(activity_id: str, after: int, records: Records) -> Sequence[Logged]:
    return records.subscriptions.of_activity(activity_id, after, _PAGE)


def _ends(row: Logged) -> bool:
    """Whether it is the last row of a change."""
    return row.event.changed is not None or row.event.topic == TERMINATED


class OwnerLog:
    """The logs of all activities of one owner, as what appears in them from now on."""

    def __init__(self, owner: str, database: Database, logs: ActivityLogs, settled: int) -> None:
        """Give what is beyond ``settled``, up to where the log is settled already."""
        self.owner = owner
        self.settled = settled  #: nothing can appear up to here any more, and what has is in ``arrivals`` or older
        self.arrivals: list[Change] = []
        self.dropped = 0  #: how many were in ``arrivals`` before its first
        self._database = database
        self._logs = logs
        self._heads: dict[str, int] = {}  #: by activity the last id that has arrived, where that is not settled
        self._news: set[str] = set()
        self._lock = asyncio.Lock()

    def news(self, activity_id: str) -> None:
        """Hear that there is more of an activity, which may be somebody else's."""
        self._news.add(activity_id)

    async def refresh(self) -> None:
        """Let arrive what there is news of."""
        async with self._lock:
            await self._read_news()

    async def _read_news(self) -> None:
        news, self._news = self._news, set()
        arrived: list[Change] = []
        try:
            for activity_id in news:
                head = self._heads.get(activity_id, self.settled)
                while found := await self._logs.after(activity_id, head, _PAGE):
                    head = found[-1].logged.id
                    arrived += (change for change in found if change.logged.event.owner == self.owner)
        except BaseException:
            self._news |= news
            raise
        for change in sorted(arrived, key=lambda change: change.logged.id):
            self._heads[change.logged.event.activity_id] = change.logged.id
            self.arrivals.append(change)

    async def settle(self, horizon: int) -> Collection[str]:
        """Make sure that all up to ``horizon`` has arrived, and let go of what is old.

        Return activities of which there was more than anybody had said.
        """
        async with self._lock:
            scanned, unsaid = self.settled, set[str]()
            while scanned < horizon:
                rows = await self.scan(scanned, horizon)
                for row_id, activity_id in rows:
                    if row_id > self._heads.get(activity_id, self.settled):
                        self._logs.news(activity_id)
                        unsaid.add(activity_id)
                scanned = rows[-1][0] if len(rows) == _PAGE else horizon
            unsaid -= self._news
            self._news |= unsaid
            await self._read_news()
            self.settled = max(self.settled, horizon)
            self._heads = {name: head for name, head in self._heads.items() if head > self.settled}
            surplus = len(self.arrivals) - _ARRIVALS
            while surplus > 0 and self.arrivals[surplus - 1].logged.id > self.settled:
                surplus -= 1
            if surplus > 0 and max(change.logged.id for change in self.arrivals[:surplus]) <= self.settled:
                del self.arrivals[:surplus]
                self.dropped += surplus
            return unsaid

    async def scan(self, after: int, up_to: int) -> Sequence[tuple[int, str]]:
        """Return ids of rows and of their activities."""
        rows = await self._database.read(lambda records: records.subscriptions.of_owner(self.owner, after, _PAGE))
        return [(row_id, activity_id) for row_id, activity_id in rows if row_id <= up_to]


class ActivityReader:
    """Reads on in the log of one activity."""

    def __init__(self, logs: ActivityLogs, activity_id: str, position: int) -> None:
        """Begin beyond ``position``."""
        self.position = position
        self._logs = logs
        self._activity_id = activity_id

    async def next(self, limit: int) -> Sequence[Change]:
        """Return some of what was not returned yet; raises Unavailable."""
        changes = await self._logs.after(self._activity_id, self.position, limit)
        if changes:
            self.position = changes[-1].logged.id
        return changes


class OwnerReader:
    """Reads on in the logs of all of an owner's activities: what is settled in order, then what arrives."""

    def __init__(self, log: OwnerLog, logs: ActivityLogs, position: int) -> None:
        """Begin beyond ``position``."""
        self._log = log
        self._logs = logs
        self._reached = position  #: everything up to here has been returned, or was there before
        self._heads: dict[str, int] = {}  #: by activity the last row of it that was read when it was old
        self._place: int | None = None  #: among the arrivals; None where older ones are still to be read

    @property
    def position(self) -> int:
        """Where to read on from after a restart: everything up to here has been returned."""
        if self._place is None:
            return self._reached
        left = self._log.arrivals[max(0, self._place - self._log.dropped) :]
        settled = min((change.logged.id - 1 for change in left), default=self._log.settled)
        self._reached = max(self._reached, min(settled, self._log.settled))
        return self._reached

    async def next(self, limit: int) -> Sequence[Change]:
        """Return some of what was not returned yet; raises Unavailable."""
        await self._log.refresh()
        if self._place is not None and self._place < self._log.dropped:
            self._place = None
        while self._place is None:
            dropped = self._log.dropped
            older = await self._older(limit)
            if older:
                return older
            if self._log.dropped == dropped:  # else there is more that is older, by now
                self._place = dropped  # whatever is beyond here is among the arrivals, or will be
        while found := self._log.arrivals[self._place - self._log.dropped :][:limit]:
            self._place += len(found)
            new = [change for change in found if change.logged.id > self._reached]
            if new:
                return new
        return ()

    async def _older(self, limit: int) -> Sequence[Change]:
        rows = (await self._log.scan(self._reached, self._log.settled))[:limit]
        if not rows:
            return ()
        first = {activity_id: row_id for row_id, activity_id in reversed(rows)}
        last = {activity_id: row_id for row_id, activity_id in rows}
        count = Counter(activity_id for _, activity_id in rows)
        found = {
            change.logged.id: change
            for activity_id, row_id in first.items()
            # A row can be here before anybody has told of it: it must not be taken for one that is gone.
            for change in await self._logs.after(
                activity_id, self._heads.get(activity_id, row_id - 1), count[activity_id], last[activity_id]
            )
        }
        self._heads = last if len(self._heads) > _HEADS else self._heads | last
        self._reached = rows[-1][0]
        return [found[row_id] for row_id, _ in rows if row_id in found]
