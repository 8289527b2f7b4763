"""How activities go: the work first, then row and events in one transaction, then the files."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from wsrf_activity.manager.folders import UPLOADS, Folders
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
        server, and where this one is killed meanwhile the reaper goes on.
        """
        left = await self._ledger.change(activity_id, _leave)
        if left.leaving:
            await self.remove_expired(activity_id, reason)
        elif not await self._remove((activity_id,), reason):
            raise NoSuchActivity

    async def remove_expired(self, activity_id: str, reason: str) -> None:
        """Remove what nobody sees any more; others may be at it as well."""
        with contextlib.suppress(NoSuchActivity):
            await self.end_work(activity_id, reason)
            await self._remove((activity_id,), reason)

    async def reap(self, now: datetime) -> int:
        """Remove what has expired by ``now`` and return how many activities that were.

        What has ended goes first: it must not wait for work that takes its time to die.
        """
        reaped = 0
        server_id = self._server_id
        while due := await self._ledger.database.read(lambda records: records.expired(now, _BATCH, server_id)):
            over = [activity.id for activity in due if activity.phase.ended]
            reaped += await self._remove(over, _EXPIRED, expired_by=now)
            ended = await asyncio.gather(*(self._end_expired(activity) for activity in due if not activity.phase.ended))
            reaped += await self._remove([each for each in ended if each is not None], _EXPIRED, expired_by=now)
        while await self._ledger.database.change(lambda records: records.remove_expired_uploads(now, UPLOADS)):
            continue
        while gone := await self._ledger.database.change(lambda records: records.subscriptions.remove_expired(now)):
            for subscription_id in gone:
                self._ledger.subscription_gone(subscription_id)
        await self._remove_files()
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

    async def _end_expired(self, activity: Activity) -> str | None:
        """End what has expired, and return its id; None where others end it, who are not waited for.

        Members may execute on other servers, which may be away: each server ends its own, and the last of them the
        activity that gathers, which is due once more then.
        """
        with contextlib.suppress(NoSuchActivity):
            if activity.gathering and self._lease.shared:
                left = await self._ledger.change(activity.id, _ask_members)
                return activity.id if left.phase.ended else None
            await self.end_work(activity.id, _EXPIRED)
        return activity.id

    async def _remove(self, activity_ids: Sequence[str], reason: str, expired_by: datetime | None = None) -> int:
        """Remove rows, then files, and return how many activities there were; before each the members that it has."""
        if not activity_ids:
            return 0
        below = await self._ledger.database.read(lambda records: records.families.below(activity_ids))
        gone = 0
        for start in range(0, len(below), _BATCH):
            gone += await self._remove_rows(below[start : start + _BATCH], reason, None)
        return gone + await self._remove_rows(activity_ids, reason, expired_by)

    async def _remove_rows(self, activity_ids: Sequence[str], reason: str, expired_by: datetime | None) -> int:
        folders = {activity_id: self._folders.relative(activity_id) for activity_id in activity_ids}
        end = Termination(self._ledger.clock(), reason)

        def transaction(records: Records) -> Sequence[str]:
            return records.remove(folders, end, expired_by=expired_by)

        gone = await self._ledger.database.change(transaction)
        for activity_id in gone:
            self._ledger.waiters.gone(activity_id)
            self._ledger.news(activity_id, None)
        await self._remove_paths([folders[activity_id] for activity_id in gone])
        return len(gone)

    async def _remove_files(self) -> None:
        last = ""
        while paths := await self._ledger.database.read(partial(_removals, last)):
            await self._remove_paths(paths)
            last = paths[-1]

    async def _remove_paths(self, paths: Sequence[str]) -> None:
        gone = await asyncio.to_thread(self._folders.remove, paths)
        if gone:
            await self._ledger.database.change(lambda records: records.removed(gone))


def _removals(after: str, records: Records) -> Sequence[str]:
    return records.removals(after, _BATCH)


def _leave(activity: Activity, now: datetime) -> Activity:
    """Let an activity be destroyed, by one of those who ask for it, whose work or members have to go first."""
    if activity.leaving:
        raise NoSuchActivity
    if activity.phase.ended and activity.members is None:
        return activity
    return changes.leave(activity, now)


def _ask_members(activity: Activity, now: datetime) -> Activity:
    return changes.ask_end(activity, _EXPIRED) if activity.gathering and activity.ending is None else activity


def _abort_unbegun(activity: Activity, now: datetime, reason: str) -> Activity:
    """Abort what no slot holds. What executes is left alone: its slot is about to be taken or given back here."""
    if activity.phase.ended or activity.phase is Phase.EXECUTING:
        return activity
    return changes.abort(activity, now, reason)
