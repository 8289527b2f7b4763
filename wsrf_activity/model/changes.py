"""The changes that an activity can undergo, as functions from one version to the next. They check the state rules."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from wsrf_activity.model.activity import NOTHING_HEARD, Activity, ActivityError, Heard, Progress, Result, Severity
from wsrf_activity.model.errors import InvalidState
from wsrf_activity.model.lifetime import add
from wsrf_activity.model.phases import TRANSITIONS, Phase

MAX_ERRORS = 200  #: entries kept; work that warns for ever must not grow its record without bound
_LONGEST_PAUSE = timedelta(hours=1)  #: before failed work is run again, however often it has failed


def _check(activity: Activity, phase: Phase) -> None:
    if phase not in TRANSITIONS[activity.phase]:
        raise InvalidState(f"an activity that is {activity.phase} cannot become {phase}", activity.phase)


def _enter(activity: Activity, phase: Phase) -> Activity:
    _check(activity, phase)
    return replace(activity, phase=phase, version=activity.version + 1, holder=None)


def begin(activity: Activity, now: datetime, holder: str | None = None) -> Activity:
    """Give the work to an engine. The fence rises, so that an earlier holder's late report is refused."""
    _check(activity, Phase.EXECUTING)
    return replace(
        activity,
        phase=Phase.EXECUTING,
        version=activity.version + 1,
        fence=activity.fence + 1,
        holder=holder,
        started=activity.started or now,
        begins=None,
    )


def take_over(activity: Activity, holder: str | None = None) -> Activity:
    """Let another server hold the running work: nothing changes but holder and fence."""
    return replace(activity, holder=holder, fence=activity.fence + 1, version=activity.version + 1)


def release(activity: Activity) -> Activity:
    """Queue an activity that had waited for others, which have completed."""
    return _enter(activity, Phase.QUEUED)


def ask_end(activity: Activity, reason: str) -> Activity:
    """Ask the server that holds the work to end it; once more where that was asked before and perhaps not heard."""
    return replace(activity, ending=activity.ending or reason, version=activity.version + 1)


def leave(activity: Activity, now: datetime) -> Activity:
    """Let an activity be destroyed: its time is over, so that it is removed whoever is killed meanwhile."""
    terminates = now if activity.terminates is None else min(now, activity.terminates)
    return replace(activity, leaving=True, terminates=terminates, version=activity.version + 1)


def give_job(activity: Activity, job_id: str) -> Activity:
    """Note what the engine calls the running work."""
    if not activity.at_work or activity.engine_job == job_id:
        return activity
    return replace(activity, engine_job=job_id, version=activity.version + 1)


def run_again(activity: Activity, now: datetime, error: ActivityError) -> Activity:
    """Queue the work for another attempt; ``error``, now handled, tells why."""
    again = replace(_enter(activity, Phase.QUEUED), attempt=activity.attempt + 1, engine_job=None, progress=None)
    again = replace(again, heard=NOTHING_HEARD, estimated_end=None)
    return with_errors(again, (replace(error, handled=True, time=now),))


def retry(activity: Activity, now: datetime, error: ActivityError) -> Activity:
    """Queue work that has failed for another attempt, after a pause that doubles with each failure.

    Lost work is run again without one: that was not its own fault, and those who wait have lost time already.
    """
    again = run_again(activity, now, error)
    failures = activity.attempt - activity.recovered
    pause = activity.work.retry_after
    for _ in range(failures - 1):
        if pause >= _LONGEST_PAUSE:
            break
        pause *= 2
    return replace(again, begins=add(now, min(pause, _LONGEST_PAUSE))) if pause else again


def recover(activity: Activity, now: datetime, error: ActivityError) -> Activity:
    """Queue work that was lost, as ``error`` tells, for another attempt; fail it where that has happened too often.

    Without the bound, work that brings down its own host would bring down one after another.
    """
    allowed = activity.work.recoveries
    if activity.recovered < allowed:
        return replace(run_again(activity, now, error), recovered=activity.recovered + 1)
    times = "once" if allowed == 0 else f"{allowed + 1} times"
    description = f"{error.description} It was lost {times} and is not run again (recoveries = {allowed})."
    given_up = replace(error, time=now, code="LostTooOften", description=description)
    return end(activity, Phase.FAILED, now, errors=(given_up,))


def end(
    activity: Activity,
    phase: Phase,
    now: datetime,
    *,
    errors: Iterable[ActivityError] = (),
    results: Iterable[Result] = (),
    exit_code: int | None = None,
) -> Activity:
    """End the activity. Unless a client chose its termination time, that is now the end plus the time to keep.

    What has expired stays so: nobody sees it any more, and its end must not bring it back. A member of another
    activity stays as long as that.
    """
    _check(activity, phase)
    stays = activity.parent is not None or activity.lifetime_set or activity.expired(now)
    ended = replace(
        activity,
        phase=phase,
        version=activity.version + 1,
        holder=None,
        ended=now,
        exit_code=exit_code,
        results=tuple(results),
        terminates=activity.terminates if stays else add(now, activity.work.keep),
    )
    return with_errors(ended, errors)


def abort(
    activity: Activity, now: datetime, reason: str, *, results: Iterable[Result] = (), exit_code: int | None = None
) -> Activity:
    """End the activity as Aborted, which its error list says."""
    error = ActivityError(time=now, severity=Severity.ABORTED, description=reason, code="Aborted")
    return end(activity, Phase.ABORTED, now, errors=(error,), results=results, exit_code=exit_code)


def report_progress(activity: Activity, progress: Progress) -> Activity:
    """Take what running work says of itself; a report without a percentage keeps the last one."""
    if not activity.at_work:
        raise InvalidState("only work that runs can report progress", activity.phase)
    percent = progress.percent
    if percent is None and activity.progress is not None:
        percent = activity.progress.percent
    merged = Progress(percent, progress.message)
    return activity if merged == activity.progress else replace(activity, progress=merged, version=activity.version + 1)


def estimate(activity: Activity, end: datetime) -> Activity:
    """Take when running work is likely to end."""
    if not activity.at_work:
        raise InvalidState("only work that runs has an end to estimate", activity.phase)
    return (
        activity
        if activity.estimated_end == end
        else replace(activity, estimated_end=end, version=activity.version + 1)
    )


def warn(activity: Activity, now: datetime, message: str, heard: Heard | None = None) -> Activity:
    """Take an error that the work met and handled; one that is known as ``heard`` shows is not taken twice."""
    if activity.phase.ended:
        raise InvalidState("work that has ended says nothing more", activity.phase)
    if heard is not None and heard.warnings <= activity.heard.warnings:
        return activity
    error = ActivityError(time=now, severity=Severity.WARNING, description=message, handled=True, origin="work")
    warned = replace(activity, version=activity.version + 1, heard=heard or activity.heard)
    return with_errors(warned, (error,))


def with_errors(activity: Activity, errors: Iterable[ActivityError]) -> Activity:
    """Append to the list of errors. Beyond the bound, entries that were handled give way, never one that was not."""
    added = tuple(errors)
    if not added:
        return activity
    listed = [*activity.errors, *added]
    surplus = len(listed) - MAX_ERRORS
    if surplus > 0:
        listed = _without_oldest_handled(listed, surplus)
    return replace(activity, errors=tuple(listed))


def _without_oldest_handled(errors: list[ActivityError], surplus: int) -> list[ActivityError]:
    kept: list[ActivityError] = []
    for error in errors:
        if surplus and error.handled:
            surplus -= 1
        else:
            kept.append(error)
    return kept


def set_termination(activity: Activity, terminates: datetime | None) -> Activity:
    """Take a termination time that a client chose; None is never."""
    return replace(activity, terminates=terminates, lifetime_set=True, version=activity.version + 1)


def set_work_limit(activity: Activity, limit: timedelta | None) -> Activity:
    """Change the limit of work, which is of no use once the work has ended."""
    if activity.phase.ended:
        raise InvalidState("the limit of work can be changed only until the work ends", activity.phase)
    return replace(activity, work_limit=limit)


def modified(old: Activity, new: Activity) -> Activity:
    """Count a client's modification as one change, and one that changes nothing as none."""
    return old if new == old else replace(new, version=old.version + 1)
