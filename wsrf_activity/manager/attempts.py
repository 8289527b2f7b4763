"""One attempt as the server that holds it knows it, and what its end leaves to be read."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from wsrf_activity.engines.attempt import CHECKPOINT
from wsrf_activity.engines.base import Job, Lost, Outcome, Report, Run
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.outcome import Settled, last_words, read_results
from wsrf_activity.model.activity import Activity, RestartPolicy
from wsrf_activity.model.phases import Phase


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt, from its claim until its end is written."""

    activity: Activity
    run: Run | None = None
    abort_reason: str | None = None
    moved_limit: tuple[timedelta | None] | None = None  #: a new limit that came before there was a run to tell
    speaking: asyncio.Lock = field(default_factory=asyncio.Lock)  #: what the work says is written in its order
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    heard: set["asyncio.Task[None]"] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None

    @property
    def limit(self) -> timedelta | None:
        """The limit of work that is in force, or about to be."""
        return self.activity.work_limit if self.moved_limit is None else self.moved_limit[0]


def stands(found: Activity | None, claimed: Activity) -> bool:
    """Whether a claim was committed and is still ours."""
    return found is not None and found.phase is Phase.EXECUTING and found.fence == claimed.fence


async def settled_of(outcome: Outcome, folder: Path, activity: Activity) -> Settled:
    """Return an outcome of the activity's attempt with what its files say."""
    if isinstance(outcome, Lost):
        return Settled(outcome)
    if outcome.complete:
        return _settled(outcome, folder, activity)
    return await asyncio.to_thread(_settled, outcome, folder, activity)


def _settled(report: Report, folder: Path, activity: Activity) -> Settled:
    words = last_words(report, folder) if report.exit_code else ""
    results = read_results(report, folder, activity.attempt, alias=activity.work.arguments is None)
    return Settled(report, results, words)


def job_of(activity: Activity, folders: Folders) -> Job:
    """Return an activity's attempt as an engine is to know it."""
    work = activity.work
    return Job(
        activity_id=activity.id,
        attempt=activity.attempt,
        folder=folders.attempt(activity.id, activity.attempt),
        argv=work.argv,
        stdin=folders.input(activity.id) if activity.has_input else None,
        input_as_file=work.stdin == "file",
        limit=activity.work_limit,
        results=work.results,
        media_type=work.media_type,
        heard=activity.heard,
        service=activity.service,
        arguments=work.arguments,
        index=activity.index,
        earlier=earlier(activity, folders),
    )


def earlier(activity: Activity, folders: Folders) -> Path | None:
    """Return the folder of the last attempt before this one that has kept something to go on from.

    None where there is none, and for work that does not resume. An attempt that was lost as it began may have nothing
    of what those before it had kept.
    """
    if activity.work.restart is not RestartPolicy.RESUME:
        return None
    before = (folders.attempt(activity.id, number) for number in range(activity.attempt - 1, 0, -1))
    return next((folder for folder in before if (folder / CHECKPOINT).exists()), None)
