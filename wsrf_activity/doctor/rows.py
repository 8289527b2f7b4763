"""What must hold of an activity's row, its groups and its events, wherever its files are. No I/O."""

from collections.abc import Iterator, Sequence

from wsrf_activity.doctor.findings import Finding, Kind
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.phases import ENDED, TRANSITIONS, Phase
from wsrf_activity.store.inspection import Entry, Stored


def examine_row(stored: Stored) -> Iterator[Finding]:
    """Yield what is wrong with a row and what hangs on it."""
    activity = stored.activity
    if activity is None:
        yield Finding(Kind.ROW_UNREADABLE, stored.id, f"activity {stored.id}: its row cannot be read")
        return
    for kind, what in (*_record(activity, stored), *_family(activity, stored), *_history(activity, stored.history)):
        yield Finding(kind, stored.id, f"activity {stored.id}: {what}", activity)


def _record(activity: Activity, stored: Stored) -> Iterator[tuple[Kind, str]]:
    phase = activity.phase
    if phase.ended and activity.ended is None:
        yield Kind.ROW_TIMES, f"it is {phase} but has no end time"
    if not phase.ended and activity.ended is not None:
        yield Kind.ROW_TIMES, f"it is {phase} but has an end time"
    if phase in (Phase.EXECUTING, Phase.COMPLETED) and activity.started is None:
        yield Kind.ROW_TIMES, f"it is {phase} but has no start time"
    if stored.error_status != activity.error_status:
        yield Kind.ROW_FLAG, f"its row says {stored.error_status}, its list of errors {activity.error_status}"
    if stored.groups != {(activity.owner, name, activity.created) for name in activity.groups}:
        yield Kind.GROUPS, "its groups are not those that its record names"


def _family(activity: Activity, stored: Stored) -> Iterator[tuple[Kind, str]]:
    if stored.parent_gone:
        yield Kind.PARENT_GONE, f"the activity {activity.parent} is gone, which it belongs to"
    if activity.members is not None and not activity.phase.ended:
        waits_for = activity.members.total - activity.members.ended
        if waits_for != stored.live_members:
            yield Kind.MEMBERS_MISCOUNTED, f"it waits for {waits_for} members; {stored.live_members} have not ended"
    if activity.phase is Phase.PENDING and all(needed is None or Phase(needed).ended for needed in stored.needs):
        yield Kind.NEEDS_OVER, "it is Pending, and all that it was to come after has ended"


def _history(activity: Activity, history: Sequence[Entry]) -> Iterator[tuple[Kind, str]]:
    """Not every change is an event: of the versions only the first has to be there, and none beyond the row's."""
    ends = surplus_ends(history)
    if ends:
        yield Kind.HISTORY_ENDS_TWICE, f"the event log has {1 + len(ends)} ends of it"
    kept = [entry for entry in history if entry not in ends]
    if not kept or kept[-1].phase != activity.phase:
        last = kept[-1].phase if kept else "nothing"
        yield Kind.HISTORY_ENDLESS, f"it is {activity.phase}, but the last that the event log tells is {last}"
    if kept and not _whole(kept, activity):
        told = ", ".join(f"{entry.phase} at version {entry.version}" for entry in kept)
        yield Kind.HISTORY_GAP, f"at version {activity.version} the event log tells {told}"


def surplus_ends(history: Sequence[Entry]) -> list[Entry]:
    """Return the events of ends beyond the first one."""
    return [entry for entry in history if entry.phase in ENDED][1:]


def _whole(history: Sequence[Entry], activity: Activity) -> bool:
    """Whether the first event is the creation, each takes up where the last one left off, and versions rise."""
    before, version = None, 0
    for entry in history:
        follows = entry.before == before and version < entry.version <= activity.version
        allowed = before is None or entry.phase in TRANSITIONS[Phase(before)]
        if not follows or not allowed:
            return False
        before, version = entry.phase, entry.version
    return history[0].version == 1
