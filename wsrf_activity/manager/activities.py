"""The use cases: start, read, list, wait, change, end. Each takes who calls, and shows nobody what is another's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from wsrf_activity.engines.base import Engine
from wsrf_activity.manager.accepting import Acceptance, Accepted
from wsrf_activity.manager.binding import Binder
from wsrf_activity.manager.content import LIVE_OUTPUTS, Content
from wsrf_activity.manager.engines import Engines
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.following import Follower
from wsrf_activity.manager.hearing import Hearing
from wsrf_activity.manager.inputs import Input, ResultInput, UploadInput, receive
from wsrf_activity.manager.lease import Lease
from wsrf_activity.manager.ledger import Clock, Ledger
from wsrf_activity.manager.linking import Linked
from wsrf_activity.manager.membership import Membership
from wsrf_activity.manager.news import News, Teller
from wsrf_activity.manager.removing import Remover
from wsrf_activity.manager.requests import Rules, StartRequest, check_texts, check_version
from wsrf_activity.manager.running import Kin, Runner
from wsrf_activity.manager.slots import Slots
from wsrf_activity.manager.spawning import Spawner
from wsrf_activity.manager.subscribing import Publishing, Subscriptions
from wsrf_activity.manager.telling import Telling
from wsrf_activity.manager.waiting import Condition, Waiters
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, new_id
from wsrf_activity.model.errors import (
    InvalidParameter,
    NoSuchActivity,
    Refused,
    RequestConflict,
    TerminationTimeFixed,
    Unavailable,
)
from wsrf_activity.model.events import between
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.lifetime import Requested, add
from wsrf_activity.model.listing import Filter, Page, Upload
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Database, Records

_TRIES = 10  #: to find or to store what a request id stands for, while others do the same


class Manager:
    """All that the faces can do. One for a process; it lives in the event loop."""

    def __init__(
        self,
        database: Database,
        engines: Mapping[str, Engine],
        data: Path,
        rules: Rules,
        *,
        clock: Clock,
        publishing: Publishing,
        slots: Slots | None = None,
    ) -> None:
        """Put the parts together; ``start`` makes them run. Without ``slots`` there are as many as the limits say.

        ``engines`` has at least that of command lines, ``DEFAULT_ENGINE``, and those that services name.
        """
        limits = rules.limits
        self._acceptance = Acceptance(rules)
        self.services = rules.services
        self.limits = limits
        self.lifetime = rules.lifetime
        self.clock = clock
        self._database = database
        self._folders = Folders(data)
        self._waiters = Waiters()
        self.ledger = Ledger(database, self._waiters, clock)
        self._lease = Lease(database, self._folders, limits)
        chosen = Engines(engines, rules.services)
        self.ledger.links = Linked(self._acceptance, self._folders)
        kin = Kin(Spawner(self.ledger, self._folders, self._acceptance), Binder(database, self._folders, rules))
        self._runner = Runner(self.ledger, chosen, self._folders, self._lease, slots or Slots(limits.parallel), kin)
        self.remover = Remover(self.ledger, self._runner, self._folders, self._lease)
        self._membership = Membership(self.ledger, self._lease, self._runner, self._folders, limits.host_grace)
        self.telling = Telling(database)
        self.subscriptions = Subscriptions(self.ledger, rules, publishing, self._visible)
        self._news = News(self.ledger, self.telling, self.subscriptions)
        self._membership.led = self._news.lead
        self._hearing = Hearing(self.ledger, self._runner, self._news)

    def tell(self, teller: Teller) -> None:
        """Have what is published delivered by ``teller``; before ``start``."""
        self._news.teller = teller

    async def start(self) -> None:
        """Take up what an earlier server has left: removals, half-accepted inputs, work that ran."""
        await self._runner.open()
        await self._membership.register()
        await self.remover.clean_up(self._membership.alone)
        await self.telling.start()
        await self._hearing.start()
        await self._membership.start()
        self._runner.start()

    async def stop(self) -> None:
        """Answer all who wait and let go of the work, which goes on."""
        self.release_waits()
        await self._hearing.stop()
        await self._membership.stop()
        await self._runner.stop()
        await self.remover.stop()
        await self.telling.stop()
        await self._membership.leave()

    async def drain(self) -> None:
        """Return when the work that runs here has ended. All else goes on meanwhile; what is accepted stays queued."""
        await self._runner.drain()

    def release_waits(self) -> None:
        """Answer all Waits with what is known, and all who wait for messages: the server is about to stop."""
        self._waiters.release()
        self.subscriptions.release()

    @property
    def running(self) -> int:
        """How many activities execute here."""
        return self._runner.running

    @property
    def stopping(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._waiters.stopping

    async def create(self, caller: Principal, request: StartRequest) -> Activity:
        """Accept an activity; it is committed when this returns. The same request id gives the same activity.

        Raises UnknownService, InvalidParameter, NotPermitted, RequestConflict, InitialTerminationTimeRejected, and what
        ``Subscriptions.subscribe`` raises for those who are to be told of it.
        """
        for _ in range(_TRIES):
            earlier = await self._earlier(caller, request)
            if earlier is not None:
                return earlier
            accepted = await self._accepted(caller, request)
            source = None if request.input is None else await self._source(caller, request.input)
            stored = await asyncio.shield(asyncio.ensure_future(self._insert(caller, accepted, source)))
            if stored is not None:
                return stored  # else another with the same request id came first, and is there to be found
        raise Unavailable("activities with this request id come and go too fast; try again")

    async def get(self, caller: Principal, activity_id: str) -> Activity:
        """Return an activity of the caller's; raises NoSuchActivity."""
        activity = await self._database.read(lambda records: records.get(activity_id))
        return self._visible(caller, activity)

    async def list(self, caller: Principal, wanted: Filter) -> Page:
        """Return a page of the caller's activities, newest first: what is created meanwhile disturbs no later page."""
        now = self.clock()
        wanted = replace(wanted, limit=max(1, min(wanted.limit, self.limits.page)))
        return await self._database.read(lambda records: records.list(caller.name, wanted, now))

    async def members(self, caller: Principal, activity_id: str) -> Sequence[Activity]:
        """Return the members of an activity of the caller's, in the order in which they were started.

        That is of a set the order of their index. Those that are gone already are left out. Raises NoSuchActivity.
        """
        parent = await self.get(caller, activity_id)
        found: list[Activity] = []
        while parent.members is not None:
            after = (found[-1].created, found[-1].id) if found else None
            read = partial(_members, activity_id, after, self.limits.page)
            part = await self._database.read(read)
            found += part
            if len(part) < self.limits.page:
                break
            await asyncio.sleep(0)
        return found

    async def wait(
        self, caller: Principal, activity_id: str, condition: Condition, timeout: timedelta | None
    ) -> tuple[Activity, bool]:
        """Return the activity as soon as the condition holds, and whether time ran out before.

        The server's own cap bounds ``timeout``. Raises NoSuchActivity, also where it is destroyed meanwhile.
        """
        cap = self.limits.wait
        seconds = max(0.0, min(timeout if timeout is not None else cap, cap).total_seconds())
        with self._waiters.waiting(activity_id, condition) as waiter:
            activity = await self.get(caller, activity_id)
            if condition.change and condition.since_version is None:
                waiter.condition = replace(condition, since_version=activity.version)
            for known in filter(None, (activity, waiter.latest)):
                if waiter.condition.holds(known):
                    return self._visible(caller, known), False
            del activity, known  # thousands may wait
            loop = asyncio.get_running_loop()
            timer = loop.call_later(seconds, waiter.time_out)
            try:
                changed = await waiter.future
            finally:
                timer.cancel()
        if changed is not None:
            return self._visible(caller, changed), False
        return await self.get(caller, activity_id), True

    def follow(self, caller: Principal, group: str | None) -> AbstractContextManager[Follower]:
        """Look on: hear of each change of the caller's activities, of one group's if one is named."""
        return self._waiters.followers.following(caller.name, group)

    async def abort(
        self, caller: Principal, activity_id: str, reason: str | None = None, if_version: int | None = None
    ) -> Activity:
        """End the work, all of it, and return when it has ended. What has ended already stays as it is.

        Raises NoSuchActivity, and VersionMismatch where the activity has another version than ``if_version`` by now.
        """
        check_version(await self.get(caller, activity_id), if_version)
        await self.remover.end_work(activity_id, reason or f"aborted by {caller.name}")
        return await self.get(caller, activity_id)

    async def destroy(self, caller: Principal, activity_id: str, if_version: int | None = None) -> None:
        """End the work and remove everything (WS-ResourceLifetime 1.2, Destroy).

        Raises NoSuchActivity, and VersionMismatch where the activity has another version than ``if_version`` by now.
        """
        check_version(await self.get(caller, activity_id), if_version)
        await self.remover.remove(activity_id, f"destroyed by {caller.name}")

    async def set_termination(
        self, caller: Principal, activity_id: str, requested: Requested, if_version: int | None = None
    ) -> tuple[Activity, datetime]:
        """Change when the record ends and return it with the current time (WS-ResourceLifetime 1.2).

        Raises TerminationTimeRejected, TerminationTimeFixed, NoSuchActivity, and VersionMismatch where ``if_version``
        is not the version.
        """
        activity = await self.get(caller, activity_id)
        service = self.services.get(activity.service)
        if service is not None and service.fixed_lifetime:
            raise TerminationTimeFixed(f"service {service.name} sets the termination time itself")
        now = self.clock()
        terminates = self._acceptance.policy(caller, activity.service).change(requested, now)

        def step(old: Activity, at: datetime) -> Activity:
            check_version(self._visible(caller, old), if_version)
            return changes.set_termination(old, terminates)

        return await self.ledger.change(activity_id, step), now

    async def modify(
        self,
        caller: Principal,
        activity_id: str,
        change: Callable[[Activity], Activity],
        if_version: int | None = None,
    ) -> Activity:
        """Apply what a client changes of its activity, all of it in one version or nothing.

        ``change`` is a function from one version to the next, and may be called again. Raises what it raises,
        InvalidParameter for what the server's own rules forbid, NoSuchActivity, and VersionMismatch where
        ``if_version`` is not the version.
        """

        def step(old: Activity, now: datetime) -> Activity:
            check_version(self._visible(caller, old), if_version)
            new = change(old)
            check_texts(new.groups, new.name, new.run_id)
            if new.work_limit != old.work_limit:
                service = self.services.get(new.service)
                limit = self.limits.of_work(new.work_limit, service.work_limit if service else None)
                new = replace(new, work_limit=limit)
            return new

        changed = await self.ledger.change(activity_id, step)
        await self._runner.set_limit(activity_id, changed.work_limit)
        return changed

    async def upload(self, caller: Principal, chunks: AsyncIterator[bytes]) -> Upload:
        """Take an input ahead of its activity, of any size up to the limit; raises TooLarge."""
        upload_id = new_id()
        size, digest = await receive(chunks, self._folders.upload(upload_id), self.limits.input)
        added = Upload(upload_id, caller.name, size, digest, add(self.clock(), self.limits.uploads))
        await self._database.change(lambda records: self._lease.guard(records).add_upload(added))
        self.ledger.deadline_moved(added.expires)
        return added

    async def content(self, caller: Principal, activity_id: str, name: str) -> Content:
        """Return where a result is; raises NoSuchActivity for one that is not there."""
        activity = await self.get(caller, activity_id)
        for result in activity.results:
            if result.name == name:
                path = self._folders.activity(activity_id) / result.path
                return Content(activity, name, path, result.media_type, result)
        if activity.phase.ended or name not in LIVE_OUTPUTS:
            raise NoSuchActivity(f"the activity has no result {name!r}")
        path = self._folders.attempt(activity_id, activity.attempt) / LIVE_OUTPUTS[name]
        media_type = "text/plain; charset=utf-8" if name == "stderr" else activity.work.media_type
        return Content(activity, name, path, media_type, None)

    async def _earlier(self, caller: Principal, request: StartRequest) -> Activity | None:
        request_id = request.request_id
        if request_id is None:
            return None
        found = await self._database.read(lambda records: records.by_request(caller.name, request_id))
        if found is None:
            return None
        if found.expired(self.clock()):
            await self.remover.remove_expired(found.id, "its time is over")
            return None
        if found.request_digest != request.digest():
            raise RequestConflict(f"request id {request_id!r} has started another activity; use a new one")
        return found

    async def _accepted(self, caller: Principal, request: StartRequest) -> Accepted:
        accept = partial(self._acceptance.accept, caller, request, self.clock())
        service = self.services.get(request.service or "")
        several = service is not None and service.several
        accepted = await asyncio.to_thread(accept) if several else accept()  # others need not wait for ten thousand
        if not request.subscriptions:
            return accepted
        told = await self.subscriptions.from_the_first(caller, request.subscriptions, accepted.activity.id)
        return replace(accepted, told=told)

    async def _source(self, caller: Principal, given: Input) -> Path | bytes:
        if isinstance(given, bytes):
            if len(given) > self.limits.input:
                raise InvalidParameter(f"an input may have at most {self.limits.input} bytes", "Input")
            return given
        if isinstance(given, UploadInput):
            upload = await self._database.read(lambda records: records.get_upload(given.upload_id))
            if upload is not None and upload.owner == caller.name and upload.expires > self.clock():
                return self._folders.upload(upload.id)
        if isinstance(given, ResultInput):
            try:
                content = await self.content(caller, given.activity_id, given.name)
            except NoSuchActivity:
                content = None
            if content is not None and content.result is not None:
                return content.path
        raise InvalidParameter(
            "no such input: send it by PUT, then name the address that the answer gives, "
            "or name a result of an activity that has ended",
            "InputReference",
        )

    async def _stage(self, activity_id: str, source: Path | bytes) -> None:
        try:
            await asyncio.to_thread(self._folders.stage, activity_id, source)
        except OSError as error:
            await asyncio.to_thread(self._folders.discard, activity_id)
            raise Unavailable(f"the input cannot be stored: {error.strerror}") from error

    async def _insert(self, caller: Principal, accepted: Accepted, source: Path | bytes | None) -> Activity | None:
        """Commit what a request makes; None where another request with its id came first."""
        if source is not None:
            accepted = accepted.with_input()
            await self._stage(accepted.activity.id, source)
        guard = (lambda records: records) if source is None else self._lease.guard
        inserted: bool | None = None  #: nobody knows where the database fails to answer: the mark is left for a start
        try:
            inserted = await self._database.change(lambda records: self._store(guard(records), caller, accepted))
        except Refused:
            inserted = False
            raise
        finally:
            if source is not None and inserted is not None:
                settle = self._folders.accepted if inserted else self._folders.discard
                await asyncio.to_thread(settle, accepted.activity.id)
        if not inserted:
            return None
        self.ledger.publish(accepted.activity)
        for told in accepted.told:
            self.subscriptions.tell(told)
        if any(each.phase is Phase.QUEUED for each in accepted.all):
            self._runner.wake()
        return accepted.activity

    def _store(self, records: Records, caller: Principal, accepted: Accepted) -> bool:
        activity, members = accepted.activity, accepted.members
        if not records.insert(activity, between(None, activity, activity.created)):
            return False
        records.insert_many(members, [event for each in members for event in between(None, each, each.created)])
        for told in accepted.told:
            self.subscriptions.add(records, caller, told)
        return True

    def _visible(self, caller: Principal, activity: Activity | None) -> Activity:
        if activity is None or activity.owner != caller.name or activity.leaving or activity.expired(self.clock()):
            raise NoSuchActivity
        return activity


def _members(parent: str, after: tuple[datetime, str] | None, limit: int, records: Records) -> Sequence[Activity]:
    return records.families.members(parent, after, limit)
