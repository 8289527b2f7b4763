"""The long-running service of Grassroots: its jobs do nothing but take some seconds.

What a job needs to go on after a restart is a value, ``TimedJob``, which is kept as JSON: when it has begun and when it
will be over, in seconds since 1970. How it stands follows from these two and the time: that is tested without waiting.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Self

from wsrf_activity.author import Facets, Job, activity
from wsrf_activity.model.grassroots import JobStatus


@dataclass(frozen=True)
class TimedJob:
    """The time that a job takes, from ``start`` to ``end``."""

    start: int
    end: int

    def to_json(self) -> dict[str, int]:
        """Return what is kept."""
        return {"start": self.start, "end": self.end}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """Return the job that was kept."""
        return cls(kept["start"], kept["end"])

    def status(self, now: float) -> JobStatus:
        """Return how the job stands at a time."""
        if self.start == self.end:
            return JobStatus.IDLE
        if now < self.start:
            return JobStatus.ERROR
        return JobStatus.STARTED if now <= self.end else JobStatus.SUCCEEDED

    def percent(self, now: float) -> float:
        """Return which share of its time is over."""
        return 100 * min(1.0, max(0.0, (now - self.start) / (self.end - self.start)))


Jobs = Annotated[int, Facets(min=1, max=100)]
Seconds = Annotated[int, Facets(min=1, max=60)]


@activity(times="number_of_jobs", restart="resume", state=TimedJob)
def run(job: Job, number_of_jobs: Jobs = 3, seconds: Seconds | None = None) -> str:
    """Take as many seconds as are asked for, or any number up to a minute."""
    return take_time(job, seconds or random.randint(1, 60))


def take_time(
    job: Job, seconds: int, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Go on with what an earlier attempt had begun, or begin, and say how long it took."""
    timed = job.state
    if timed is None:
        now = int(clock())
        timed = TimedJob(now, now + seconds)
        job.checkpoint(timed)
    job.estimate(max(0.0, timed.end - clock()))
    while timed.status(clock()) is JobStatus.STARTED:
        job.progress(timed.percent(clock()))
        sleep(min(1.0, max(0.01, timed.end - clock())))
    return f"{timed.end - timed.start} s\n"
