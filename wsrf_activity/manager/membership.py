"""Several servers on one database: this one's lease is renewed, and the work of those that are dead taken over."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.lease import Lease
from wsrf_activity.manager.ledger import Ledger
from wsrf_activity.manager.running import Runner
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.events import between
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.servers import Registered
from wsrf_activity.store import Records

log = logging.getLogger(__name__)
_PART = 0.3  #: of its length, after which a lease is renewed


class Membership:
    """This server among others. Alone on SQLite, it holds all that executes."""

    def __init__(self, ledger: Ledger, lease: Lease, runner: Runner, folders: Folders, grace: timedelta) -> None:
        """Leave work that runs on another machine alone for ``grace`` after its server was last heard of."""
        self._ledger = ledger
        self._lease = lease
        self._runner = runner
        self._folders = folders
        self._grace = grace
        self._task: asyncio.Task[None] | None = None
        self._taking = False
        self._leads = False
        self._doubted: dict[str, int] = {}  #: what was held, with its fence, when the lease had run out
        self._patient = 0  #: renewals to come before others are taken for dead: they may have been cut off likewise
        self.led: Callable[[bool], None] = lambda leads: None  #: told whether this server delivers notifications

    async def register(self) -> None:
        """Begin a lease. Raises Unavailable where the servers of this database have another folder."""
        if not self._lease.shared:
            return
        await self._lease.renew()
        self._task = asyncio.create_task(self._keep(), name="lease")
        for other in await self._others():
            if other.server.folder != self._lease.server.folder and not self._lease.outlives(other):
                raise Unavailable(
                    "another server on this database keeps inputs and results in another folder; "
                    "all of them need the same one (--files)"
                )

    async def alone(self) -> bool:
        """Whether there is no other server that could be in the middle of something."""
        return not self._lease.shared or all(self._lease.is_over(other.server) for other in await self._others())

    async def start(self) -> None:
        """Take over what no living server holds, now and from now on."""
        if self._lease.shared:
            self._taking = True
            await self._take_over()
            await self._lead()  # not before: a server that is gone, and known to be, need not have its lease run out
            await self._adopt(await self._ledger.database.change(self._find_lost))
        else:
            await self._lead()
            left = await self._ledger.database.read(lambda records: records.in_phase(Phase.EXECUTING))
            at_work = [activity.id for activity in left if activity.at_work]
            held = (
                self._ledger.change(one, lambda old, now: changes.take_over(old, self._lease.id)) for one in at_work
            )
            await self._adopt(await asyncio.gather(*held))

    async def stop(self) -> None:
        """Take nothing more over; the lease runs until ``leave``, or until it runs out."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.led(False)

    async def leave(self) -> None:
        """Give back what is held, so that another server need not wait for the lease to run out."""
        if self._lease.shared:
            with contextlib.suppress(Unavailable):
                await self._lease.leave()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._lease.length.total_seconds() * _PART)
            try:
                await self._beat()
                await self._lead()
            except Unavailable as error:
                self.led(self._leads and self._lease.held)
                log.warning("the lease cannot be renewed just now: %s", error)
            except Exception:  # whatever it is, a server that renews nothing any more would be worse
                log.exception("the lease cannot be renewed just now")

    async def _beat(self) -> None:
        before = self._runner.fences()
        if not await self._lease.renew():
            log.warning("the lease had run out; what other servers have taken over is let go")
            self._patient = round(1 / _PART) + 1
            self._doubted = before
        if self._doubted:
            held = await self._ledger.database.change_at_once(lambda records: records.servers.held(self._lease.id))
            self._runner.let_go(set(self._doubted.items()) - set(held.items()))
            self._doubted = {}
        self._runner.wake()
        if self._patient:
            self._patient -= 1
        elif self._taking and not self._runner.leaving:
            await self._take_over()

    async def _lead(self) -> None:
        """See that one server delivers notifications: the one that holds the role, as long as its lease runs."""
        leads = True
        if self._lease.shared:
            take = partial(_take_delivery, self._lease.id)
            leads = self._lease.held and await self._ledger.database.change_at_once(take)
        self._leads = leads
        self.led(leads)

    async def _others(self) -> list[Registered]:
        return list(await self._ledger.database.read(lambda records: records.servers.others(self._lease.id)))

    async def _take_over(self) -> None:
        for other in await self._others():
            if self._lease.outlives(other):
                taken = await self._ledger.database.change(partial(self._seize, other))
                if taken:
                    log.warning("server %s is gone; took over %d activities", other.server.id, len(taken))
                await self._adopt(taken)

    def _seize(self, other: Registered, records: Records) -> list[Activity]:
        """Take from a dead server what can be seen through from here, and forget it when it holds nothing more."""
        found = records.servers.seize(other.server.id)
        if found is None or not self._lease.runs_in(records) or not self._lease.outlives(found):
            return []
        all_of_it = found.left <= -self._grace or self._lease.knows_lost(found.server)
        held = records.families.lock(list(records.servers.held(found.server.id))).values()
        taken = self._take(records, (each for each in held if all_of_it or self._runner.within_reach(each)))
        records.servers.forget(found.server.id)
        return taken

    def _find_lost(self, records: Records) -> list[Activity]:
        return self._take(records, records.families.lock(records.servers.lost()).values())

    def _take(self, records: Records, activities: Iterable[Activity]) -> list[Activity]:
        now, taken = self._ledger.clock(), []
        for old in activities:
            if not old.at_work:
                continue  # what gathers needs no holder
            new = changes.take_over(old, self._lease.id)
            if records.save(old, new, between(old, new, now)):
                taken.append(new)
        return taken

    async def _adopt(self, activities: Iterable[Activity]) -> None:
        for activity in activities:
            self._runner.adopt(activity)
            self._ledger.publish(activity)
            self._ledger.deadline_moved(self._ledger.clock())  # one that had expired is this server's to end


def _take_delivery(server_id: str, records: Records) -> bool:
    return records.servers.lead(server_id, "delivery")
