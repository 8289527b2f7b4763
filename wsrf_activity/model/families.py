"""How activities belong together: what the members of one come to, and what an end means for those that wait for it.

An activity that waits for its members only is ``gathering``: it is Executing, but nothing of it runs. How its own work
ended, where it had any, its errors tell.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, ActivityError, Members, Progress, Severity
from wsrf_activity.model.lifetime import add
from wsrf_activity.model.phases import Phase

MAX_MEMBERS = 10_000  #: that one activity may have, counting all that it ever had
MAX_DEPTH = 16  #: of families in families, the first one counted
_QUOTED = 400  #: characters of a member's own words
RUN_AGAIN = "the work that had started it is run again from its beginning"


def own_end(old: Activity, ended: Activity, now: datetime) -> Activity:
    """Return what becomes of an activity whose own work ends as ``ended`` says.

    While it has live members it gathers; else the members that it had count as well.
    """
    if ended.members is None:
        return ended
    gathers = replace(
        ended,
        phase=Phase.EXECUTING,
        started=old.started or now,
        ended=None,
        terminates=old.terminates,
        gathering=True,
    )
    if ended.members.ended < ended.members.total:
        return _with_progress(gathers)
    return finish(replace(gathers, version=old.version), now)


def tally(parent: Activity, ended: Sequence[Activity], added: int, now: datetime) -> Activity:
    """Count members that have ended, and ``added`` new ones; the last that ends ends a parent that gathers."""
    phases = Counter(member.phase for member in ended)
    before = parent.members or Members()
    members = Members(
        before.total + added,
        before.completed + phases[Phase.COMPLETED],
        before.failed + phases[Phase.FAILED],
        before.aborted + phases[Phase.ABORTED],
    )
    counted = replace(parent, members=members)
    if ended_by(parent) is None:
        amiss = (member for member in ended if member.phase is not Phase.COMPLETED)
        counted = changes.with_errors(counted, [_of_member(member, now) for member in amiss])
    if not parent.gathering:
        return replace(counted, version=parent.version + 1)
    counted = _with_progress(counted)
    if members.ended >= members.total:
        return finish(counted, now)
    return replace(counted, version=parent.version + 1)


def finish(activity: Activity, now: datetime) -> Activity:
    """End an activity whose own work is over, and whose members have all ended.

    What its own work or a client has decided holds. Else it has completed if one of its members has; those that have
    not are errors that were handled.
    """
    phase, errors = _aggregate(activity, now)
    kept = activity.results, activity.exit_code
    ended = changes.end(activity, phase, now, errors=errors, results=kept[0], exit_code=kept[1])
    return replace(ended, gathering=False)


def _aggregate(activity: Activity, now: datetime) -> tuple[Phase, tuple[ActivityError, ...]]:
    own = {error.severity for error in activity.errors if not error.handled}
    members = activity.members or Members()
    if Severity.ABORTED in own:
        return Phase.ABORTED, ()
    if activity.ending is not None:
        aborted = ActivityError(time=now, severity=Severity.ABORTED, description=activity.ending, code="Aborted")
        return Phase.ABORTED, (aborted,)
    if Severity.FATAL in own:
        return Phase.FAILED, ()
    if members.total and not members.completed:
        description = f"none of its {members.total} members has completed"
        return Phase.FAILED, (
            ActivityError(time=now, severity=Severity.FATAL, code="Members", description=description),
        )
    return Phase.COMPLETED, ()


def ended_by(activity: Activity) -> str | None:
    """Return why the members of an activity are to end, where they are; it waits for them all the same."""
    if activity.ending is not None:
        return activity.ending
    for error in activity.errors:
        if not error.handled and error.severity in (Severity.FATAL, Severity.ABORTED):
            if error.severity is Severity.ABORTED:
                return error.description
            return f"what had started it has failed: {error.description}"
    return None


def abandon(member: Activity, reason: str, now: datetime) -> Activity:
    """End a member, whatever its phase: where its work runs its holder is asked to, who gathers asks in turn."""
    if member.phase.ended:
        return member
    if member.phase is Phase.EXECUTING:
        return changes.ask_end(member, reason)
    return own_end(member, changes.abort(member, now, reason), now)


def disown(member: Activity, now: datetime) -> Activity:
    """Let a member go whose parent is run again from its beginning: it counts no more, and it ends."""
    alone = replace(member, parent=None)
    if not member.phase.ended:
        return abandon(alone, RUN_AGAIN, now)
    terminates = alone.terminates if alone.lifetime_set else add(now, alone.work.keep)
    return replace(alone, terminates=terminates, version=member.version + 1)


def needed_in_vain(waiting: Activity, needed: Activity, now: datetime) -> Activity:
    """End an activity as that ended which it was to come after."""
    aborted = needed.phase is Phase.ABORTED
    error = ActivityError(
        time=now,
        severity=Severity.ABORTED if aborted else Severity.FATAL,
        code=f"Needed{needed.phase}",
        description=f"what it was to come after has not completed: {_told(needed)}",
        origin=needed.id,
    )
    ended = changes.end(waiting, Phase.ABORTED if aborted else Phase.FAILED, now, errors=(error,))
    return own_end(waiting, ended, now)


def _of_member(member: Activity, now: datetime) -> ActivityError:
    return ActivityError(
        time=now,
        severity=Severity.ERROR,
        code=f"Member{member.phase}",
        description=_told(member),
        handled=True,
        origin=member.id,
    )


def _told(activity: Activity) -> str:
    """Say which activity has ended how, and in its own words why."""
    place = "" if activity.index is None else f", member {activity.index},"
    said = f"{activity.service} {activity.id}{place} ended as {activity.phase}"
    why = [error.description for error in activity.errors if not error.handled]
    return f"{said}: {why[-1][:_QUOTED]}" if why else said


def _with_progress(parent: Activity) -> Activity:
    """Show of one that gathers how many of its members have ended; it never goes back."""
    members = parent.members or Members()
    before = (parent.progress.percent if parent.progress else None) or 0.0
    percent = max(before, 100 * members.ended / members.total)
    return replace(parent, progress=Progress(percent, f"{members.ended} of {members.total} have ended"))
