"""What other servers on the same database have done, brought to those here whom it concerns: waits, queue, reaper."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from wsrf_activity.manager.ledger import Ledger
from wsrf_activity.manager.news import News
from wsrf_activity.manager.running import Runner
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.store import Records
from wsrf_activity.store.notices import Notice

log = logging.getLogger(__name__)
_AT_ONCE = 200  #: activities that one query reads
_RETRY = 1.0  #: seconds before the database is asked again after it did not answer


class Hearing:
    """Hears the notices of the database. What nobody here waits for costs nothing; the rest is read together."""

    def __init__(self, ledger: Ledger, runner: Runner, news: News) -> None:
        """Keep whom it may concern."""
        self._ledger = ledger
        self._news = news
        self._runner = runner
        self._unread: set[str] = set()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Hear from now on."""
        await self._ledger.database.listen(self.hear)

    async def stop(self) -> None:
        """Read no more."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    def hear(self, notices: Sequence[Notice] | None) -> None:
        """Take what was announced; None is anything."""
        if notices is None:
            self._look_at_everything()
            return
        waiters = self._ledger.waiters
        self._read(n.activity_id for n in notices if n.version and self._concerns_us(n))
        if any(notice.queued for notice in notices):
            self._runner.wake()
        for notice in notices:
            self._news.of_others(notice)
            if notice.deadline is not None:
                self._ledger.deadline_moved(notice.deadline)
            elif notice.activity_id and not notice.version:
                waiters.gone(notice.activity_id)
                self._runner.gone(notice.activity_id)

    def _concerns_us(self, notice: Notice) -> bool:
        news = self._ledger.waiters.news(notice.activity_id, notice.version)
        return news or self._runner.holds(notice.activity_id)

    def _look_at_everything(self) -> None:
        self._read([*self._ledger.waiters.awaited(), *self._runner.held()])
        self._runner.wake()
        self._news.of_anything()
        self._ledger.deadline_moved(self._ledger.clock())

    def _read(self, activity_ids: Iterable[str]) -> None:
        self._unread.update(activity_ids)
        if self._unread and (self._reader is None or self._reader.done()):
            self._reader = asyncio.create_task(self._read_all(), name="what other servers have changed")

    async def _read_all(self) -> None:
        while self._unread:
            ids = [self._unread.pop() for _ in range(min(_AT_ONCE, len(self._unread)))]
            try:
                found = await self._ledger.database.read(partial(_found, ids))
            except Unavailable:
                self._unread.update(ids)
                await asyncio.sleep(_RETRY)
                continue
            for activity_id in ids:
                if activity_id in found:
                    self._ledger.waiters.publish(found[activity_id])
                    self._runner.changed(found[activity_id])
                else:
                    self._ledger.waiters.gone(activity_id)
                    self._runner.gone(activity_id)


def _found(activity_ids: Sequence[str], records: Records) -> Mapping[str, Activity]:
    return records.get_many(activity_ids)
