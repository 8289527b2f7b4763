"""What an owner has: pages of activities, and inputs sent ahead."""

from dataclasses import dataclass
from datetime import datetime

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.phases import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which of an owner's activities to list. ``after`` is where the last page ended: creation time and id."""

    phases: tuple[Phase, ...] = ()
    group: str | None = None
    run_id: str | None = None
    service: str | None = None
    parent: str | None = None
    created_after: datetime | None = None
    after: tuple[datetime, str] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Activities, newest first, and where the next page begins (None: there is none)."""

    activities: tuple[Activity, ...]
    next: tuple[datetime, str] | None


@dataclass(frozen=True, slots=True)
class Upload:
    """An input that was sent ahead of the activity that will read it."""

    id: str
    owner: str
    size: int  #: bytes
    sha256: str  #: lower-case hex
    expires: datetime
