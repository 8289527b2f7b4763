"""The long-running service with a clock of the test's own: how its jobs stand, and how they go on after a restart."""

import json
from typing import Any

import pytest

from examples.long_running.long_running import TimedJob, take_time


class Clock:
    """A time that passes when somebody sleeps."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Job:
    """What the function says of itself."""

    def __init__(self, state: TimedJob | None = None) -> None:
        self.state = state
        self.percents: list[float] = []
        self.estimates: list[float] = []

    def checkpoint(self, state: TimedJob) -> None:
        self.state = state

    def progress(self, percent: float) -> None:
        self.percents.append(percent)

    def estimate(self, seconds: float) -> None:
        self.estimates.append(seconds)


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (999, "Error"),
        (1000, "Started"),
        (1030, "Started"),
        (1060, "Started"),
        (1060.5, "Succeeded"),
        (9e9, "Succeeded"),
    ],
)
def test_how_a_job_stands_follows_from_the_time(now: float, text: str) -> None:
    assert TimedJob(1000, 1060).status(now).text == text


def test_a_job_that_takes_no_time_is_idle() -> None:
    assert TimedJob(1000, 1000).status(1000).text == "Idle"


def test_what_is_kept_has_the_two_keys() -> None:
    kept = json.loads(json.dumps(TimedJob(1000, 1060).to_json()))
    assert kept == {"start": 1000, "end": 1060}
    assert TimedJob.from_json(kept) == TimedJob(1000, 1060)


def test_a_minute_passes_at_once() -> None:
    clock, job = Clock(1000.75), Job()
    assert take_time(as_job(job), 60, clock, clock.sleep) == "60 s\n"
    assert job.state == TimedJob(1000, 1060)
    assert clock.now > 1060
    assert job.estimates == [pytest.approx(59.25)]
    assert job.percents == sorted(job.percents)
    assert len(job.percents) >= 60


def test_it_goes_on_where_it_was() -> None:
    """Another attempt begins no other interval, however late it is."""
    for now in (1030.0, 5000.0):
        clock, job = Clock(now), Job(TimedJob(1000, 1060))
        assert take_time(as_job(job), 7, clock, clock.sleep) == "60 s\n"
        assert clock.now == pytest.approx(max(now, 1060), abs=1.1)
        assert job.state == TimedJob(1000, 1060)


def as_job(job: Job) -> Any:
    """What the function is written for has more than this test needs."""
    return job
