"""How activities go: the work first, then the row and its events in one transaction, then the files, however often it is interrupted."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from wsrf_activity.manager.folders import UPLOADS, Folders
from wsrf_activity.manager.ledger import Ledger
from wsrf_activity.manager.running import Runner
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Records

_AGAIN = 0.02  #: seconds until work that is just being taken up is looked at again
_BATCH = 200  #: activities that are removed in one transaction


class Remover:
    """What Destroy and the reaper have in common."""

    def __init__(self, ledger: Ledger, runner: Runner, folders: Folders) -> None:
        """Keep the parts."""
        self._ledger = ledger
        self._runner = runner
        self._folders = folders

    async def end_work(self, activity_id: str, reason: str) -> None:
        """Bring an activity to an end, whatever its phase, and return when nothing of its work is left."""
        while not await self._runner.abort(activity_id, reason):
            ended = await self._ledger.change(activity_id, lambda old, now: _abort_unbegun(old, now, reason))
            if ended.phase.ended:
                return
            await asyncio.sleep(_AGAIN)

    async def remove(self, activity_id: str, reason: str) -> None:
        """End the work and remove the activity; raises NoSuchActivity where another was quicker."""
        await self.end_work(activity_id, reason)
        await self._remove((activity_id,))

    async def reap(self, now: datetime) -> int:
        """Remove what has expired by ``now`` and return how many activities that were."""
        reaped = 0
        while due := await self._ledger.database.read(lambda records: records.expired(now, _BATCH)):
            await asyncio.gather(*(self._end_expired(activity) for activity in due if not activity.phase.ended))
            await self._remove([activity.id for activity in due])
            reaped += len(due)
        while await self._ledger.database.change(lambda records: records.remove_expired_uploads(now, UPLOADS)):
            continue
        await self._remove_files()
        return reaped

    async def next_deadline(self) -> datetime | None:
        """Return when the next thing expires."""
        return await self._ledger.database.read(lambda records: records.next_deadline())

    async def clean_up(self) -> None:
        """Finish what a killed server had begun: removals, uploads cut off, inputs of activities never accepted."""
        await self._remove_files()
        await asyncio.to_thread(self._folders.sweep_parts)
        for activity_id in await asyncio.to_thread(self._folders.staged):
            settle = self._folders.discard if await self._unknown(activity_id) else self._folders.accepted
            await asyncio.to_thread(settle, activity_id)

    async def _unknown(self, activity_id: str) -> bool:
        return await self._ledger.database.read(lambda records: records.get(activity_id)) is None

    async def _end_expired(self, activity: Activity) -> None:
        try:
            await self.end_work(activity.id, "its termination time has come")
        except NoSuchActivity:
            return

    async def _remove(self, activity_ids: Sequence[str]) -> None:
        paths = [self._folders.relative(activity_id) for activity_id in activity_ids]

        def transaction(records: Records) -> None:
            records.remove(activity_ids, paths)

        await self._ledger.database.change(transaction)
        for activity_id in activity_ids:
            self._ledger.waiters.gone(activity_id)
        await self._remove_paths(paths)

    async def _remove_files(self) -> None:
        while paths := await self._ledger.database.read(lambda records: records.removals(_BATCH)):
            await self._remove_paths(paths)

    async def _remove_paths(self, paths: Sequence[str]) -> None:
        await asyncio.to_thread(self._folders.remove, paths)
        await self._ledger.database.change(lambda records: records.removed(paths))


def _abort_unbegun(activity: Activity, now: datetime, reason: str) -> Activity:
    """Abort what no slot holds. What executes is left alone: its slot is about to be taken or given back here."""
    if activity.phase.ended or activity.phase is Phase.EXECUTING:
        return activity
    return changes.abort(activity, now, reason)
