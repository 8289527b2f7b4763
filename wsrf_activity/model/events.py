"""What is told of an activity: the events of each change, with their topics, and what the log makes of them again.

The last event of a change carries the fields that have changed, so that every state that was can be had from the log:
old and new values of properties, and the property document of then.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from wsrf_activity.model.activity import Activity, ActivityError, Progress, Result, Work
from wsrf_activity.model.changes import with_errors
from wsrf_activity.model.phases import Phase

TERMINATED: Final = "Terminated"  #: the last event of all, which outlives its activity


@dataclass(frozen=True, slots=True)
class Termination:
    """That an activity is no more (wsrf-rl:TerminationNotification)."""

    time: datetime
    reason: str


#: What an event carries beside activity, version and time. A change of phase carries the old phase.
Payload = Phase | Progress | ActivityError | Result | Termination | None

#: Fields of an activity that its properties show. Errors and results come as events of their own.
_SHOWN: Final = (
    "phase",
    "name",
    "run_id",
    "groups",
    "started",
    "ended",
    "terminates",
    "work_limit",
    "progress",
    "estimated_end",
    "attempt",
    "engine",
    "engine_job",
    "exit_code",
    "parent",
    "members",
)
_FROM_THE_FIRST: Final = ("service", "created")  #: these never change
_USUAL: Final = tuple((field.name, field.default) for field in fields(Activity) if field.name in _SHOWN)


@dataclass(frozen=True, slots=True)
class Event:
    """A row to be of the event log."""

    topic: str  #: the concrete topic below the namespace of our own, as ``StatusChanged/Completed``; or none
    activity_id: str
    owner: str
    version: int
    time: datetime
    payload: Payload
    changed: Mapping[str, Any] | None = None  #: the new values of the fields; None before the last event of a change


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of the event log."""

    id: int  #: rises from one change of an activity to the next
    sequence: int  #: the place among the events of the activity, from 1
    event: Event


@dataclass(frozen=True, slots=True)
class Change:
    """An event with the states before and after the change that it belongs to, as far as properties show them."""

    logged: Logged
    old: Activity | None  #: None where this is the creation, or nothing is known of before
    new: Activity | None  #: None where the activity is no more


def between(old: Activity | None, new: Activity, now: datetime) -> tuple[Event, ...]:
    """Return the events of a change, in the order in which they are to be told; ``old`` None is the creation."""

    told: list[tuple[str, Payload]] = []
    if new.progress is not None and (old is None or old.progress != new.progress):
        told.append(("ProgressReported", new.progress))
    if new.errors:
        told.extend(("ErrorReported", error) for error in _added(old.errors if old else (), new.errors))
    if new.results:
        known = {result.name for result in old.results} if old else set()
        told.extend(("ResultAdded", result) for result in new.results if result.name not in known)
    if old is None or old.phase is not new.phase:
        told.append((f"StatusChanged/{new.phase}", old.phase if old else None))
    changed = _changed(old, new) | _lists(old, new, [payload for _, payload in told])
    if changed and not told:
        told.append(("", None))
    last = len(told) - 1
    return tuple(
        Event(topic, new.id, new.owner, new.version, now, payload, changed if place == last else None)
        for place, (topic, payload) in enumerate(told)
    )


def snapshot(activity: Activity, now: datetime) -> Event:
    """Return an event that tells nothing, but everything of an activity: where the log begins in the middle."""
    changed = _changed(None, activity) | {"errors": activity.errors, "results": activity.results}
    return Event("", activity.id, activity.owner, activity.version, now, None, changed)


def _changed(old: Activity | None, new: Activity) -> dict[str, Any]:
    if old is None:
        first = {name: getattr(new, name) for name in _FROM_THE_FIRST}
        return first | {name: value for name, usual in _USUAL if (value := getattr(new, name)) != usual}
    return {name: getattr(new, name) for name in _SHOWN if getattr(new, name) != getattr(old, name)}


def _lists(old: Activity | None, new: Activity, told: Sequence[Payload]) -> dict[str, Any]:
    """Return errors and results where they are not what follows from those that were told."""
    before = (old.errors, old.results) if old else ((), ())
    if (new.errors, new.results) == before:
        return {}
    if new.errors is before[0]:  # as in most changes: nothing of a list that has a bound
        return {} if new.results == before[1] + _results(told) else {"results": new.results}
    follows = _with(old or replace(new, errors=(), results=()), told)
    return {name: getattr(new, name) for name in ("errors", "results") if getattr(follows, name) != getattr(new, name)}


def _with(activity: Activity, told: Sequence[Payload]) -> Activity:
    """Add the errors and results that were told."""
    results = _results(told)
    errors = [payload for payload in told if isinstance(payload, ActivityError)]
    if results:
        activity = replace(activity, results=activity.results + results)
    return with_errors(activity, errors) if errors else activity


def _results(told: Sequence[Payload]) -> tuple[Result, ...]:
    return tuple(payload for payload in told if isinstance(payload, Result))


def states(before: Activity | None, log: Sequence[Logged]) -> Iterator[Change]:
    """Yield the rows of one activity's log with the states that they led from and to.

    ``before`` is the state at the beginning. The log has to end with the last event of a change.
    """
    told: list[Logged] = []
    for logged in log:
        told.append(logged)
        if logged.event.topic == TERMINATED:
            yield from (Change(each, before, None) for each in told)
        elif logged.event.changed is not None:
            after = _after(before, told)
            yield from (Change(each, before, after) for each in told)
            before = after
        else:
            continue
        told = []
    yield from (Change(each, None, None) for each in told)  # of earlier versions of this program


def _after(before: Activity | None, told: Sequence[Logged]) -> Activity | None:
    last = told[-1].event
    changed = dict(last.changed or {})
    if before is None:
        if "service" not in changed:
            return None
        before = Activity(
            id=last.activity_id,
            owner=last.owner,
            work=Work(argv=()),
            **{name: changed[name] for name in _FROM_THE_FIRST},
        )
    after = _with(before, [logged.event.payload for logged in told])
    return replace(after, version=last.version, **changed)


def _added(old: tuple[ActivityError, ...], new: tuple[ActivityError, ...]) -> Iterator[ActivityError]:
    """Yield what has come to the list, also where older entries have given way to it."""
    if new is old:
        return
    known = Counter(old)
    for error in new:
        if known[error] > 0:
            known[error] -= 1
        else:
            yield error
