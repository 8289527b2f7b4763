"""How activities go: the work first, then row and events in one transaction, then the files."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from wsrf_activity.manager.folders import UPLOADS, Folders
from wsrf_activity.manager.kin import Family
from wsrf_activity.manager.lease import Lease
from wsrf_activity.manager.ledger import Ledger
from wsrf_activity.manager.running import Runner
from wsrf_activity.manager.waiting import Condition
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity, Unavailable
from wsrf_activity.model.events import Termination
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Records

_AGAIN = 0.02  #: seconds until work that is just being taken up is looked at again
_ASK_AGAIN = 2.0  #: seconds until another server is asked once more to end its work
_EXPIRED = "its termination time has come"
_BATCH = 200  #: activities that are removed in one transaction


class Remover:
    """What Destroy and the reaper have in common."""

    def __init__(self, ledger: Ledger, runner: Runner, folders: Folders, lease: Lease) -> None:
        """Keep the parts."""
        self._ledger = ledger
        self._lease = lease
        self._runner = runner
        self._folders = folders
        self._gone: list[str] = []  #: files that are gone, as is still to be noted
        self._forgetting: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Return when nothing is left to be noted."""
        if self._forgetting is not None:
            await asyncio.wait([self._forgetting])  # whoever waits may be cancelled, it goes on

    async def end_work(self, activity_id: str, reason: str) -> None:
        """Bring an activity to an end, whatever its phase, and return when nothing of its work is left.

        The server that holds the work ends it; where that is another one it is asked to.
        """

        def step(old: Activity, now: datetime) -> Activity:
            if old.gathering or (old.at_work and not self._mine(old)):
                return changes.ask_end(old, reason)
            return _abort_unbegun(old, now, reason)

        while True:
            await self._runner.abort(activity_id, reason)
            with self._ledger.waiters.waiting(activity_id, Condition(), insider=True) as waiter:
                left = await self._ledger.change(activity_id, step)
                if left.phase.ended:
                    return
                if self._ledger.waiters.stopping:
                    raise Unavailable("the server is stopping; ask again when it is back")
                again = _AGAIN if left.at_work and self._mine(left) else _ASK_AGAIN
                await asyncio.wait([waiter.future], timeout=again)

    def _mine(self, activity: Activity) -> bool:
        return activity.holder in (None, self._lease.id)

    async def remove(self, activity_id: str, reason: str) -> None:
        """End the work and remove the activity; raises NoSuchActivity where another was quicker.

        Work that has to end first can take its time: from the beginning on the activity is nobody's any more, on no
        server, and where this one is killed meanwhile the reaper goes on. What has no work goes in one transaction.
        """
        await asyncio.shield(asyncio.ensure_future(self._destroy(activity_id, reason)))

    async def _destroy(self, activity_id: str, reason: str) -> None:
        def apply(family: Family, records: Records, now: datetime) -> Sequence[str]:
            old = records.get_to_change(activity_id)
            if old is None or old.leaving:
                raise NoSuchActivity
            if self._goes_last(old):
                family.write(old, changes.leave(old, now))
                return ()
            if not old.phase.ended:
                family.write(old, changes.abort(changes.leave(old, now), now, reason))
            return self._remove_in(records, (activity_id,), Termination(now, reason))

        gone = await self._ledger.change_family(activity_id, apply)
        if gone:
            await self._went(gone)
            return
        try:
            await self.remove_expired(activity_id, reason)
        except BaseException:
            self._ledger.deadline_moved(self._ledger.clock())  # the reaper goes on with it
            raise

    def _goes_last(self, activity: Activity) -> bool:
        """Whether work or members have to go before it."""
        busy = activity.phase is Phase.EXECUTING or self._runner.holds(activity.id)
        return activity.members is not None or (busy and not activity.phase.ended)

    async def remove_expired(self, activity_id: str, reason: str) -> None:
        """Remove what nobody sees any more; others may be at it as well."""
        with contextlib.suppress(NoSuchActivity):
            await self.end_work(activity_id, reason)
            gone: Sequence[str] = await self._remove_some(activity_id, reason)
            while gone and activity_id not in gone:
                gone = await self._remove_some(activity_id, reason)

    async def _remove_some(self, activity_id: str, reason: str) -> Sequence[str]:
        end = Termination(self._ledger.clock(), reason)
        gone = await self._ledger.database.change(partial(self._remove_in, activity_ids=(activity_id,), end=end))
        await self._went(gone)
        return gone

    async def reap(self, now: datetime) -> int:
        """Remove what has expired by ``now`` and return how many activities that were.

        What has ended goes first: it must not wait for work that takes its time to die.
        """
        server_id = self._server_id
        try:
            reaped = await self._reap_ended(now)
            while due := await self._ledger.database.read(lambda records: records.expired(now, _BATCH, server_id)):
                await asyncio.gather(*(self._end_expired(activity) for activity in due if not activity.phase.ended))
                reaped += await self._reap_ended(now)
            while await self._ledger.database.change(lambda records: records.remove_expired_uploads(now, UPLOADS)):
                continue
            while gone := await self._ledger.database.change(lambda records: records.subscriptions.remove_expired(now)):
                for subscription_id in gone:
                    self._ledger.subscription_gone(subscription_id)
            await self._remove_files()
        finally:
            await asyncio.to_thread(self._folders.rest)
        return reaped

    async def _reap_ended(self, now: datetime) -> int:
        """Remove what has ended and is expired, some at a time; nothing of it is read but ids, nor in the event loop.

        Others' changes and requests have their turn between two of these steps.
        """
        end = Termination(self._ledger.clock(), _EXPIRED)

        def some(records: Records) -> tuple[bool, Sequence[str]]:
            due = records.over(now, _BATCH)
            return bool(due), self._remove_in(records, due, end, expired_by=now)

        reaped, more = 0, True
        while more:
            more, gone = await self._ledger.database.change(some)
            await self._went(gone)
            reaped += len(gone)
        return reaped

    async def next_deadline(self) -> datetime | None:
        """Return when the next thing expires."""
        return await self._ledger.database.read(lambda records: records.next_deadline(self._server_id))

    @property
    def _server_id(self) -> str | None:
        return self._lease.id if self._lease.shared else None

    async def clean_up(self, alone: Callable[[], Awaitable[bool]]) -> None:
        """Finish what a killed server had begun: removals, uploads cut off, inputs of activities never accepted.

        Where this server is not ``alone``, which is asked after the files are listed, only what is old is taken to
        be left over.
        """
        await self._remove_files()
        staged = await asyncio.to_thread(self._folders.staged)
        uploads = await asyncio.to_thread(self._folders.uploads)
        if not await alone():
            staged = [name for name in staged if self._folders.forgotten_mark(name)]
            uploads = [name for name in uploads if self._folders.forgotten_upload(name)]
        for activity_id in staged:
            settle = self._folders.discard if await self._unknown(activity_id) else self._folders.accepted
            await asyncio.to_thread(settle, activity_id)
        for upload_id in uploads:
            if await self._unknown_upload(upload_id):
                await asyncio.to_thread(self._folders.remove, [f"{UPLOADS}/{upload_id}"])

    async def _unknown(self, activity_id: str) -> bool:
        return await self._ledger.database.read(lambda records: records.get(activity_id)) is None

    async def _unknown_upload(self, upload_id: str) -> bool:
        return await self._ledger.database.read(lambda records: records.get_upload(upload_id)) is None

    async def _end_expired(self, activity: Activity) -> None:
        """End what has expired, but for what others end, who are not waited for.

        Members may execute on other servers, which may be away: each server ends its own, and the last of them the
        activity that gathers, which is due once more then.
        """
        with contextlib.suppress(NoSuchActivity):
            if activity.gathering and self._lease.shared:
                await self._ledger.change(activity.id, _ask_members)
            else:
                await self.end_work(activity.id, _EXPIRED)

    def _remove_in(
        self, records: Records, activity_ids: Sequence[str], end: Termination, expired_by: datetime | None = None
    ) -> Sequence[str]:
        """Remove rows and return whose: some of the members that they have or, where no more are left, all of them."""
        below = records.families.below(activity_ids)
        gone = list(records.remove(self._paths(below[:_BATCH]), end)) if below else []
        if len(below) <= _BATCH:
            gone += records.remove(self._paths(activity_ids), end, expired_by=expired_by)
        return gone

    def _paths(self, activity_ids: Sequence[str]) -> dict[str, str]:
        return {activity_id: self._folders.relative(activity_id) for activity_id in activity_ids}

    async def _went(self, activity_ids: Sequence[str]) -> None:
        """Tell that activities are gone, and remove their files."""
        for activity_id in activity_ids:
            self._ledger.waiters.gone(activity_id)
            self._ledger.news(activity_id, None, ())
        if activity_ids:
            await self._remove_paths(list(self._paths(activity_ids).values()))

    async def _remove_files(self) -> None:
        """Remove files that are noted still, and wait until what is gone is noted no more."""
        last = ""
        while paths := await self._ledger.database.read(partial(_removals, last)):
            await self._remove_paths(paths)
            last = paths[-1]
        await self.stop()

    async def _remove_paths(self, paths: Sequence[str]) -> None:
        self._gone += await asyncio.to_thread(self._folders.remove, paths)
        if self._gone and (self._forgetting is None or self._forgetting.done()):
            self._forgetting = asyncio.create_task(self._forget(), name="removals that are done")

    async def _forget(self) -> None:
        """Delete the notes of files that are gone. Nobody waits for that: to remove them once more is no harm."""
        while self._gone:
            paths, self._gone = self._gone[:_BATCH], self._gone[_BATCH:]
            with contextlib.suppress(Unavailable):  # the reaper finds them
                await self._ledger.database.change(partial(_forget, paths))


def _forget(paths: Sequence[str], records: Records) -> None:
    records.removed(paths)


def _removals(after: str, records: Records) -> Sequence[str]:
    return records.removals(after, _BATCH)


def _ask_members(activity: Activity, now: datetime) -> Activity:
    return changes.ask_end(activity, _EXPIRED) if activity.gathering and activity.ending is None else activity


def _abort_unbegun(activity: Activity, now: datetime, reason: str) -> Activity:
    """Abort what no slot holds. What executes is left alone: its slot is about to be taken or given back here."""
    if activity.phase.ended or activity.phase is Phase.EXECUTING:
        return activity
    return changes.abort(activity, now, reason)
