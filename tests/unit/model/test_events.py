"""What is told of a change: everything once, in its order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, ActivityError, Progress, Result, Severity, Work
from wsrf_activity.model.events import _SHOWN, TERMINATED, Event, Logged, between, snapshot, states
from wsrf_activity.model.phases import Phase
from wsrf_activity.testing.strategies import END, NOON, activities, activity, errors, results


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
    assert between(same, replace(same, fence=same.fence + 1, version=same.version + 1), NOON) == ()


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


def shown(activity: Activity) -> Activity:
    """Return the activity as far as its properties show it."""
    known = ("id", "owner", "service", "created", "version", "errors", "results", *_SHOWN)
    return Activity(work=Work(argv=()), **{name: getattr(activity, name) for name in known})


def logged(versions: Sequence[Activity], first: Event | None = None) -> list[Logged]:
    """Return the log of an activity that had these versions; one that begins in the middle begins with ``first``."""
    events = [first] if first else list(between(None, versions[0], NOON))
    events += [event for old, new in pairwise(versions) for event in between(old, new, NOON)]
    return [Logged(1000 + number, number, event) for number, event in enumerate(events, 1)]


def some_versions(data: st.DataObject) -> list[Activity]:
    id_, owner, service, created = "a" * 26, "ada", "command", NOON
    same = activities(id=id_, owner=owner, service=service, created=created)
    drawn = data.draw(st.lists(same, min_size=1, max_size=5))
    return [replace(each, version=number) for number, each in enumerate(drawn, 1)]


@given(st.data())
def test_the_log_tells_every_state_that_was(data: st.DataObject) -> None:
    versions = some_versions(data)
    log = logged(versions)
    told = list(states(None, log))
    assert [change.logged for change in told] == log
    by_version = {change.logged.event.version: change for change in told}
    before: Activity | None = None
    for version in versions:
        change = by_version.get(version.version)
        if change is None:  # it shows nothing new
            assert before is not None
            assert shown(version) == replace(before, version=version.version)
        else:
            assert (change.old, change.new) == (before, shown(version))
            before = change.new


@given(st.data())
def test_a_log_can_be_read_on_from_the_middle(data: st.DataObject) -> None:
    versions = some_versions(data)
    whole = list(states(None, logged(versions)))
    last = {change.logged.event.version: number for number, change in enumerate(whole, 1)}
    cut = data.draw(st.sampled_from(sorted(last.values())))
    assert list(states(whole[cut - 1].new, [change.logged for change in whole[cut:]])) == whole[cut:]


@given(st.data())
def test_a_log_may_begin_with_a_snapshot(data: st.DataObject) -> None:
    """As that of an activity which an earlier program has begun, whose first events tell no state."""
    versions = some_versions(data)
    earlier = Logged(999, 0, replace(between(None, versions[0], NOON)[-1], changed=None))
    told = list(states(None, [earlier, *logged(versions, snapshot(versions[0], NOON))]))
    assert told[0].old is None
    assert told[-1].new is not None
    assert replace(told[-1].new, version=0) == replace(shown(versions[-1]), version=0)


def test_the_last_event_has_no_state_beyond_it() -> None:
    log = logged([activity()])
    log.append(Logged(2000, len(log) + 1, Event(TERMINATED, log[0].event.activity_id, "ada", 2, NOON, END)))
    [*_, last] = states(None, log)
    assert (last.old, last.new) == (shown(activity()), None)
