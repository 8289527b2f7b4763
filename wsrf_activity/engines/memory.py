"""An engine that runs nothing: a test, or whoever builds upon the library, says what becomes of the work."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from wsrf_activity.engines.base import CannotStart, Job, Listener, Lost, Outcome, Report, Run, Said


@dataclass(slots=True)
class MemoryRun:
    """One attempt, as its engine remembers it."""

    job: Job
    listener: Listener
    over: asyncio.Future[Outcome]
    begun: datetime
    now: Callable[[], datetime]
    limit: timedelta | None
    aborted: bool = False
    job_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.job_id = f"memory-{self.job.activity_id}-{self.job.attempt}"

    async def outcome(self) -> Outcome:
        """Return when ``MemoryEngine.finish`` was called, or the work aborted."""
        return await asyncio.shield(self.over)

    async def abort(self) -> None:
        """End it as a process that obeys TERM does."""
        self.aborted = True
        if not self.over.done():
            self.over.set_result(Report(exit_code=143, reason="aborted", started=self.begun, ended=self.now()))

    async def set_limit(self, limit: timedelta | None) -> None:
        """Remember it; nothing here ends by itself."""
        self.limit = limit

    def release(self) -> None:
        """Say nothing more."""
        self.listener = _deaf


def _deaf(said: Said) -> None:
    pass


class MemoryEngine:
    """Keeps every attempt that it was asked for, across ``close`` and ``open`` as if those were a restart."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.runs: dict[tuple[str, int], MemoryRun] = {}  #: by activity and attempt
        self.refuses: str | None = None  #: the sentence with which every start fails, for as long as it is set
        self._now = now

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing: the work goes on."""

    def within_reach(self, job: Job) -> bool:
        """Return True: nothing here is anywhere else."""
        return True

    async def start(self, job: Job, listener: Listener) -> Run:
        """Remember an attempt as running, or join it. Raises CannotStart while ``refuses`` is set."""
        known = self.runs.get((job.activity_id, job.attempt))
        if known is not None:
            known.listener = listener
            return known
        if self.refuses is not None:
            raise CannotStart(self.refuses)
        over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        run = MemoryRun(job, listener, over, self._now(), self._now, job.limit)
        self.runs[job.activity_id, job.attempt] = run
        return run

    async def attach(self, job: Job, listener: Listener) -> Run | Outcome:
        """Find an attempt that was started here."""
        known = self.runs.get((job.activity_id, job.attempt))
        if known is None:
            return Lost(False, "The work had not begun.")
        if known.over.done():
            return replace(known.over.result(), job_id=known.job_id)
        known.listener = listener
        known.limit = job.limit
        return known

    def tell(self, activity_id: str, said: Said) -> None:
        """Have the newest attempt of an activity say something."""
        self._newest(activity_id).listener(said)

    def finish(self, activity_id: str, outcome: Outcome | None = None) -> None:
        """End the newest attempt of an activity, with exit code 0 where nothing is given."""
        run = self._newest(activity_id)
        run.over.set_result(outcome or Report(exit_code=0, reason="exited", started=run.begun, ended=self._now()))

    def _newest(self, activity_id: str) -> MemoryRun:
        return self.runs[max(key for key in self.runs if key[0] == activity_id)]
