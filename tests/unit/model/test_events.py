"""What is told of a change: everything once, in its order."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model.strategies import NOON, activities, activity, errors, results
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, ActivityError, Progress, Result, Severity
from wsrf_activity.model.events import between
from wsrf_activity.model.phases import Phase


def topics(old: Activity | None, new: Activity) -> list[str]:
    return [event.topic for event in between(old, new, NOON)]


@given(activities())
def test_a_creation_tells_all_that_is_there(new: Activity) -> None:
    told = between(None, new, NOON)
    assert told[-1].topic == f"StatusChanged/{new.phase}"
    assert told[-1].payload is None
    assert [event.payload for event in told if event.topic == "ErrorReported"] == list(new.errors)
    assert {(e.activity_id, e.owner, e.version, e.time) for e in told} == {(new.id, new.owner, new.version, NOON)}


@given(activities())
def test_what_changes_nothing_tells_nothing(same: Activity) -> None:
    assert between(same, same, NOON) == ()
    assert between(same, replace(same, name="other", version=same.version + 1), NOON) == ()


@given(activities(phase=Phase.EXECUTING), st.lists(errors, max_size=4), st.lists(results, max_size=3))
def test_an_end_tells_errors_and_results_then_the_phase(
    old: Activity, told: list[ActivityError], left: list[Result]
) -> None:
    new = changes.end(old, Phase.FAILED, NOON, errors=told, results=left)
    events = between(old, new, NOON)
    assert [event.payload for event in events if event.topic == "ErrorReported"] == told
    known = {result.name for result in old.results}
    assert [e.payload for e in events if e.topic == "ResultAdded"] == [r for r in left if r.name not in known]
    assert (events[-1].topic, events[-1].payload) == ("StatusChanged/Failed", Phase.EXECUTING)
    assert len([event for event in events if event.topic.startswith("StatusChanged")]) == 1


def test_errors_are_told_also_where_older_ones_give_way() -> None:
    old = changes.begin(activity(), NOON)
    for second in range(changes.MAX_ERRORS):
        old = changes.warn(old, NOON + timedelta(seconds=second), "careful")
    new = changes.warn(old, NOON + timedelta(hours=1), "one more")
    assert len(new.errors) == len(old.errors)
    assert [event.payload for event in between(old, new, NOON)] == [new.errors[-1]]


def test_the_same_error_twice_is_told_twice() -> None:
    error = ActivityError(time=NOON, severity=Severity.WARNING, description="careful", handled=True)
    old = activity(errors=(error,))
    assert topics(old, replace(old, errors=(error, error, error))) == ["ErrorReported", "ErrorReported"]


def test_progress_is_told_and_its_disappearance_is_not() -> None:
    running = changes.begin(activity(), NOON)
    half = changes.report_progress(running, Progress(50.0))
    assert topics(running, half) == ["ProgressReported"]
    again = changes.run_again(half, NOON, ActivityError(time=NOON, severity=Severity.FATAL, description="lost"))
    assert topics(half, again) == ["ErrorReported", "StatusChanged/Queued"]
