"""What servers on one PostgreSQL tell each other: a change is announced in its own transaction, and heard by all.

A notice says enough that who has nothing to do with the activity need not read it. Nothing else hangs on it: whoever
was not listening for a while looks anew at all that concerns it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.phases import Phase
from wsrf_activity.store.tables import from_micros, micros

CHANNEL = "wsrf_activity"
_AT_ONCE = 64  #: notices in one payload, which may have 8000 bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """That another server has done something."""

    activity_id: str = ""  #: the empty one is none
    version: int = 0  #: of the activity; 0 says that it is gone
    queued: bool = False  #: whether there is work in the queue
    deadline: datetime | None = None  #: when something expires
    subscription: str = ""  #: that was made, changed or removed
    pull_point: str = ""  #: that got messages, or room for some

    @classmethod
    def of(cls, activity: Activity) -> "Notice":
        """Return what is to be said of a new version."""
        return cls(activity.id, activity.version, activity.phase is Phase.QUEUED, activity.terminates)


#: Called in the event loop; None where anything may have happened, since nobody listened.
Heard = Callable[[Sequence[Notice] | None], None]


def payloads(sender: str, notices: Sequence[Notice]) -> Iterator[str]:
    """Return the texts that announce these, with who says it first: a server knows what it has done itself."""
    said = list(dict.fromkeys(notices))
    for start in range(0, len(said), _AT_ONCE):
        yield " ".join([sender, *(_write(notice) for notice in said[start : start + _AT_ONCE])])


def read_payload(payload: str) -> tuple[str, list[Notice]]:
    """Return the sender and what it says; raises ValueError for what is no such text."""
    sender, *words = payload.split(" ")
    return sender, [_read(word) for word in words]


def _write(notice: Notice) -> str:
    deadline = "" if notice.deadline is None else str(micros(notice.deadline))
    words = (notice.activity_id, str(notice.version), str(int(notice.queued)), deadline)
    return ":".join((*words, notice.subscription, notice.pull_point)).rstrip(":")


def _read(word: str) -> Notice:
    activity_id, version, queued, deadline, subscription, pull_point = f"{word}:::::".split(":")[:6]
    moment = from_micros(int(deadline)) if deadline else None
    return Notice(activity_id, int(version), queued == "1", moment, subscription, pull_point)
