"""What is told of an activity: one event for each change, with the topic it is published on."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from wsrf_activity.model.activity import Activity, ActivityError, Progress, Result
from wsrf_activity.model.phases import Phase

#: What an event carries beside activity, version and time. A change of phase carries the old phase.
Payload = Phase | Progress | ActivityError | Result | None


@dataclass(frozen=True, slots=True)
class Event:
    """A row to be of the event log."""

    topic: str  #: the concrete topic below the namespace of our own, as ``StatusChanged/Completed``
    activity_id: str
    owner: str
    version: int
    time: datetime
    payload: Payload


def between(old: Activity | None, new: Activity, now: datetime) -> tuple[Event, ...]:
    """Return the events of a change, in the order in which they are to be told; ``old`` None is the creation."""

    def event(topic: str, payload: Payload) -> Event:
        return Event(topic, new.id, new.owner, new.version, now, payload)

    events: list[Event] = []
    if new.progress is not None and (old is None or old.progress != new.progress):
        events.append(event("ProgressReported", new.progress))
    events.extend(event("ErrorReported", error) for error in _added(old.errors if old else (), new.errors))
    known = {result.name for result in old.results} if old else set()
    events.extend(event("ResultAdded", result) for result in new.results if result.name not in known)
    if old is None or old.phase is not new.phase:
        events.append(event(f"StatusChanged/{new.phase}", old.phase if old else None))
    return tuple(events)


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
