"""A service with all that a toolkit may stumble over: rows, a list, an optional value, a choice, a time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from wsrf_activity.author import Job, activity


class Unit(Enum):
    """In which heights are measured."""

    METRE = "metre"
    FOOT = "foot"


@dataclass
class Point:
    """A place that was measured."""

    label: str
    height: float
    seen: datetime | None = None


@dataclass
class Summary:
    """What comes of it."""

    unit: Unit
    labels: list[str]
    made: datetime
    highest: Point | None = None


@activity
def summarise(
    job: Job, points: list[Point], unit: Unit = Unit.METRE, since: datetime | None = None, tags: list[str] | None = None
) -> Summary:
    """Summarises what was measured since a time."""
    wanted = [point for point in points if since is None or point.seen is None or point.seen >= since]
    if not wanted:
        raise ValueError("nothing was measured since then")
    highest = max(wanted, key=lambda point: point.height)
    made = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    return Summary(unit, [point.label for point in wanted] + (tags or []), made, highest)
