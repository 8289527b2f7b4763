"""The work: gives what was claimed from the queue to the engine, and settles what comes back."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wsrf_activity.engines.base import CannotStart, Lost, Outcome, Report, Run
from wsrf_activity.manager.attempts import Attempt, job_of, settled_of
from wsrf_activity.manager.binding import Binder
from wsrf_activity.manager.claims import Claims
from wsrf_activity.manager.engines import Engines
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.lease import Lease
from wsrf_activity.manager.ledger import FenceLost, Ledger
from wsrf_activity.manager.outcome import given_up
from wsrf_activity.manager.slots import Slots
from wsrf_activity.manager.spawning import Spawner
from wsrf_activity.manager.writing import Writer
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity, Unavailable
from wsrf_activity.model.phases import Phase

log = logging.getLogger(__name__)
_RETRY = 1.0  #: seconds before the database is asked again after it did not answer
_PAUSES = (1.0, 5.0, 30.0)  #: seconds before work is looked for again that an error of ours has lost sight of
_LONG = 0.1  #: seconds after which work is taken to be no quick one: its record shows then where it runs
_UNWRITTEN = 256  #: attempts that are over, and whose end is not written; with so many nothing more begins
_Follow = Callable[[Attempt], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kin:
    """What work has to do with other activities."""

    spawner: Spawner  #: makes what it wants started
    binder: Binder  #: gives it what others have left


class Runner:
    """What runs in the slots of this server."""

    def __init__(
        self, ledger: Ledger, engines: Engines, folders: Folders, lease: Lease, slots: Slots, kin: Kin
    ) -> None:
        """Begin as many attempts as ``slots`` has room for."""
        self._kin = kin
        self._ledger = ledger
        self._lease = lease
        self._engines = engines
        self._folders = folders
        self._slots = slots
        self._attempts: dict[str, Attempt] = {}  #: each until its end is written
        self._at_work: set[Attempt] = set()  #: those of which something may run: they have the slots
        self._writer = Writer(ledger, lease, kin.spawner, self._spawn)
        self._claims = Claims(ledger, engines, lease, self.wake)
        self._stopping = False
        self._draining = False
        self._claiming = asyncio.Lock()
        self._work = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        ledger.followed = self._followed

    async def open(self) -> None:
        """Make ready for work that is taken over."""
        await self._engines.open()

    def start(self) -> None:
        """Begin with what is queued."""
        self._spawn(self._dispatch())
        self._work.set()

    def adopt(self, activity: Activity) -> None:
        """See work through that this server has taken over; what it knew of it before is of no use."""
        stale = self._attempts.get(activity.id)
        if stale is not None:
            self._let_go(stale)
        self._hold(activity, self._recover)

    def within_reach(self, activity: Activity) -> bool:
        """Whether what became of the work can be found out from here. Blocking; may be called in any thread."""
        return self._engines.of(activity).within_reach(job_of(activity, self._folders))

    def fences(self) -> dict[str, int]:
        """Return what is held here, and the fence of each."""
        return {activity_id: attempt.activity.fence for activity_id, attempt in self._attempts.items()}

    def let_go(self, lost: Iterable[tuple[str, int]]) -> None:
        """Forget attempts that are another holder's, by id and fence."""
        for activity_id, fence in lost:
            attempt = self._attempts.get(activity_id)
            if attempt is not None and attempt.activity.fence == fence:
                self._let_go(attempt)

    def holds(self, activity_id: str) -> bool:
        """Whether the work is seen through here."""
        return activity_id in self._attempts

    def held(self) -> list[str]:
        """Return all activities whose work is seen through here."""
        return list(self._attempts)

    def changed(self, activity: Activity) -> None:
        """Hear what another server has made of an activity: it may have taken it over, or want its work ended."""
        attempt = self._attempts.get(activity.id)
        if attempt is None or activity.fence < attempt.activity.fence:
            return
        if activity.fence > attempt.activity.fence:
            self._let_go(attempt)
        elif activity.ending is not None and attempt.abort_reason is None:
            self._spawn(self._end(activity.id, activity.ending))
        elif activity.work_limit != attempt.limit:
            self._spawn(self.set_limit(activity.id, activity.work_limit))

    def _followed(self, changed: Sequence[Activity]) -> None:
        """Hear what has become of activities here: there may be more work, and some may have to end with others."""
        if any(activity.phase is Phase.QUEUED for activity in changed):
            self.wake()
        for activity in changed:
            self.changed(activity)

    def gone(self, activity_id: str) -> None:
        """End work whose activity another server has removed."""
        if activity_id in self._attempts:
            self._spawn(self._end(activity_id, "its activity is gone"))

    async def _end(self, activity_id: str, reason: str) -> None:
        await self.abort(activity_id, reason)

    def _let_go(self, attempt: Attempt) -> None:
        """Forget an attempt that is another holder's, without a word to its work."""
        log.info("activity %s has another holder; letting go of it", attempt.activity.id)
        if attempt.run is not None:
            attempt.run.release()
        if attempt.task is not None:
            attempt.task.cancel()
        self._forget(attempt)

    async def drain(self) -> None:
        """Begin nothing more, and return when all that runs here has ended; what is queued waits for another server."""
        self._draining = True
        async with self._claiming:
            pass  # what was about to begin is among the attempts now
        while self._attempts:
            await next(iter(self._attempts.values())).settled.wait()

    async def stop(self) -> None:
        """Let go of the work, which goes on without us."""
        self._stopping = True
        self._claims.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._engines.close()

    def wake(self) -> None:
        """Look at the queue: something has come, or a slot is free."""
        self._work.set()

    @property
    def leaving(self) -> bool:
        """Whether this server takes no work any more."""
        return self._draining or self._stopping

    @property
    def running(self) -> int:
        """How many slots are taken."""
        return len(self._at_work)

    async def abort(self, activity_id: str, reason: str) -> bool:
        """End the work and return when nothing of it is left; False where none is held here.

        Raises Unavailable once the server stops: it does not see the work through any more.
        """
        if self._stopping:
            raise Unavailable("the server is stopping; ask again when it is back")
        attempt = self._attempts.get(activity_id)
        if attempt is None:
            return False
        attempt.abort_reason = attempt.abort_reason or reason
        if attempt.run is not None:
            await attempt.run.abort()
        await attempt.settled.wait()
        return True

    async def set_limit(self, activity_id: str, limit: timedelta | None) -> None:
        """Tell running work of its new limit."""
        attempt = self._attempts.get(activity_id)
        if attempt is None:
            return
        attempt.moved_limit = (limit,)
        if attempt.run is not None:
            await attempt.run.set_limit(limit)

    async def _dispatch(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                async with self._claiming:
                    for activity in await self._claim():
                        self._hold(activity, self._begin)
            except Exception:  # whatever it is, a queue that nobody looks at any more would be worse
                log.warning("the queue cannot be read; trying again", exc_info=True)
                await asyncio.sleep(_RETRY)
                self._work.set()

    async def _claim(self) -> list[Activity]:
        unwritten = len(self._attempts) - self.running
        if self._draining or not self._lease.held or unwritten >= _UNWRITTEN:
            return []
        owners = Counter(attempt.activity.owner for attempt in self._at_work)
        return await self._claims.claim(self._slots.free(self.running), owners)

    def _hold(self, activity: Activity, follow: _Follow) -> None:
        attempt = self._attempts[activity.id] = Attempt(activity, abort_reason=activity.ending)
        self._take_slot(attempt)
        attempt.task = self._spawn(self._see_through(attempt, follow))

    def _take_slot(self, attempt: Attempt) -> None:
        self._at_work.add(attempt)
        self._slots.taken(self.running)

    def _free_slot(self, attempt: Attempt) -> None:
        """Let other work begin: nothing of this runs any more. That the claim of the next need not wait for the end of
        this one to be written lets one commit carry both.
        """
        self._at_work.discard(attempt)
        self._slots.taken(self.running)
        self._work.set()

    async def _see_through(self, attempt: Attempt, follow: _Follow) -> None:
        """Follow an attempt to its end. Whatever happens, the slot is given back and those who wait are told."""
        activity_id = attempt.activity.id
        try:
            await self._persist(attempt, follow)
        except FenceLost:
            log.info("activity %s has another holder; its report is not wanted", activity_id)
        except NoSuchActivity:
            log.info("activity %s is gone; its work is not wanted", activity_id)
            if attempt.run is not None:
                await attempt.run.abort()
        finally:
            self._forget(attempt)

    def _forget(self, attempt: Attempt) -> None:
        activity_id = attempt.activity.id
        if self._attempts.get(activity_id) is attempt:  # not the next one, which may have been quick to begin
            del self._attempts[activity_id]
        attempt.settled.set()
        if attempt in self._at_work or len(self._attempts) - self.running >= _UNWRITTEN - 1:
            self._free_slot(attempt)

    async def _persist(self, attempt: Attempt, follow: _Follow) -> None:
        """Follow an attempt; where an error of ours intervenes look for the work again, and at last give it up."""
        for pause in _PAUSES:
            try:
                return await follow(attempt)
            except (FenceLost, NoSuchActivity):
                raise
            except Exception:
                log.exception("activity %s: lost sight of the work; looking for it again", attempt.activity.id)
            await asyncio.sleep(pause)
            follow = self._recover
        try:
            await follow(attempt)
        except (FenceLost, NoSuchActivity):
            raise
        except Exception as error:
            log.exception("activity %s: the work cannot be followed; giving it up", attempt.activity.id)
            await self._give_up(attempt, f"the server cannot follow the work: {type(error).__name__}")

    async def _give_up(self, attempt: Attempt, description: str) -> None:
        await self._writer.change(attempt, lambda old, now: old)  # it may have another holder by now
        if attempt.run is not None:
            with contextlib.suppress(Exception):
                await attempt.run.abort()
        await self._writer.change(attempt, lambda old, now: given_up(old, now, "ServerError", description))

    async def _begin(self, attempt: Attempt) -> None:
        reason = attempt.abort_reason
        if reason is not None:
            return await self._writer.change(attempt, lambda old, now: changes.abort(old, now, reason))
        try:
            if attempt.activity.work.bindings:
                await self._bind(attempt)
            job, listener = job_of(attempt.activity, self._folders), self._writer.listener(attempt)
            run = await self._engines.of(attempt.activity).start(job, listener)
        except CannotStart as failure:
            description = str(failure)
            await self._writer.change(attempt, lambda old, now: given_up(old, now, "CannotStart", description))
            return
        await self._follow(attempt, run)

    async def _bind(self, attempt: Attempt) -> None:
        """Give the work what it gets of others, for good: they may be gone by its next attempt. Raises CannotStart."""
        work, has_input = await self._kin.binder.bind(attempt.activity)

        def step(old: Activity, now: datetime) -> Activity:
            if not old.work.bindings:
                return old
            return replace(old, work=work, has_input=old.has_input or has_input, version=old.version + 1)

        await self._writer.change(attempt, step)

    async def _recover(self, attempt: Attempt) -> None:
        # At once: of what was started before a crash, and not marked, a client may destroy something.
        await self._writer.take_spawned(attempt.activity)
        engine = self._engines.of(attempt.activity)
        found = await engine.attach(job_of(attempt.activity, self._folders), self._writer.listener(attempt))
        match found:
            case Lost(begun=False) if attempt in self._at_work:
                await self._begin(attempt)
            case Lost() | Report():
                await self._settle(attempt, found)
            case _:
                await self._follow(attempt, found)

    async def _follow(self, attempt: Attempt, run: Run) -> None:
        attempt.run = run
        self._take_slot(attempt)
        if attempt.limit != attempt.activity.work_limit:  # it was moved while the work began
            await run.set_limit(attempt.limit)
        if attempt.abort_reason is not None:
            await run.abort()
        goes_on = asyncio.get_running_loop().call_later(_LONG, self._note_job, attempt)
        try:
            outcome = await run.outcome()
        finally:
            goes_on.cancel()
        await self._settle(attempt, outcome)

    def _note_job(self, attempt: Attempt) -> None:
        self._writer.before_end(attempt, self._write_job(attempt))

    async def _write_job(self, attempt: Attempt) -> None:
        """Write what the engine calls work that goes on; of quick work its end says so.

        It shows, too, what nobody here has heard of since the work was claimed: that it has another holder, is gone,
        or has another limit.
        """
        run, known = attempt.run, attempt.limit
        if run is None:
            return
        try:
            await self._writer.change(attempt, lambda old, now: changes.give_job(old, run.job_id))
        except FenceLost:
            return self._let_go(attempt)
        except NoSuchActivity:
            return await run.abort()
        if attempt.limit != known:
            await run.set_limit(attempt.limit)

    async def _settle(self, attempt: Attempt, outcome: Outcome) -> None:
        self._free_slot(attempt)
        if attempt.heard:
            await asyncio.gather(*attempt.heard, return_exceptions=True)
        if not (isinstance(outcome, Report) and outcome.complete):
            await self._writer.take_spawned(attempt.activity)
        folder = self._folders.attempt(attempt.activity.id, attempt.activity.attempt)
        settled = await settled_of(outcome, folder, attempt.activity)
        job_id = (None if attempt.run is None else attempt.run.job_id) or outcome.job_id
        # An abort counts until the very moment of the change.
        await self._writer.end(
            attempt,
            lambda old, now: replace(settled, job_id=job_id, abort_reason=attempt.abort_reason).apply(old, now),
        )

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task of the runner failed", exc_info=task.exception())
