"""Who goes next: work is claimed from the queue, fairly between owners, and not before its time."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from wsrf_activity.manager.attempts import stands
from wsrf_activity.manager.engines import Engines
from wsrf_activity.manager.lease import Lease
from wsrf_activity.manager.ledger import Ledger
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.events import between
from wsrf_activity.store import Records

_LONGEST_SLEEP = 10.0  #: seconds before the clock is looked at again that says when work may begin


@dataclass(slots=True)
class _Claimed:
    """What one look at the queue has found."""

    activities: list[Activity] = field(default_factory=list)
    later: datetime | None = None  #: when the first work may begin that is queued for later


class Claims:
    """What this server takes from the queue."""

    def __init__(self, ledger: Ledger, engines: Engines, lease: Lease, wake: Callable[[], None]) -> None:
        """Call ``wake`` when work may begin that was queued for later."""
        self._ledger = ledger
        self._engines = engines
        self._lease = lease
        self._wake = wake
        self._doubtful: dict[str, Activity] = {}  #: claims that the database may have committed and failed to say so
        self._served: dict[str, int] = {}  #: by owner, the number of the turn that was last theirs
        self._turn = 0
        self._alarm: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Wake nobody any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def claim(self, free: int, running: Counter[str]) -> list[Activity]:
        """Move up to ``free`` activities from Queued to Executing: who runs least, then who waits longest."""
        if free <= 0:
            return []
        now = self._ledger.clock()
        found = _Claimed()

        def transaction(records: Records) -> None:
            self._lease.guard(records)
            found.activities = self._take(records, free, running, now)
            # With all slots taken nothing else may begin: who is given back the next one looks again.
            found.later = records.next_begin(now) if len(found.activities) < free else None

        try:
            await self._ledger.database.change(transaction)
        except Unavailable:
            self._doubtful |= {activity.id: activity for activity in found.activities}
            raise
        self._doubtful.clear()
        self._set_alarm(found.later, now)
        for activity in found.activities:
            self._turn += 1
            self._served[activity.owner] = self._turn
            self._ledger.publish(activity)
        return found.activities

    def _take(self, records: Records, free: int, running: Counter[str], now: datetime) -> list[Activity]:
        claimed = [each for each in self._doubtful.values() if stands(records.get(each.id), each)]
        waiting = {owner: list(records.next_queued(owner, free, now)) for owner in records.owners_queued()}
        turns = Counter(running)
        while len(claimed) < free and any(waiting.values()):
            owners = (owner for owner, line in waiting.items() if line)
            owner = min(owners, key=lambda name: (turns[name], self._served.get(name, 0), name))
            old = waiting[owner].pop(0)
            new = changes.begin(self._engines.placed(old), now, self._lease.id)
            if records.save(old, new, between(old, new, now)):
                claimed.append(new)
                turns[owner] += 1
        if claimed and any(waiting.values()):
            records.tell_of_queue()
        return claimed

    def _set_alarm(self, begins: datetime | None, now: datetime) -> None:
        """Look at the queue when its next work may begin; sooner where the clock may have been set by then."""
        self.stop()
        if begins is not None:
            pause = min((begins - now).total_seconds(), _LONGEST_SLEEP)
            self._alarm = asyncio.get_running_loop().call_later(pause, self._wake)
