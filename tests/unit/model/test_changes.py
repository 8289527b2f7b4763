"""Every change of an activity keeps the rules, whatever the activity and whatever came before."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, ActivityError, Progress, Severity, Work, error_status, new_id
from wsrf_activity.model.errors import InvalidState
from wsrf_activity.model.lifetime import add
from wsrf_activity.model.phases import ENDED, TRANSITIONS, ErrorStatus, Phase
from wsrf_activity.testing.strategies import (
    NOON,
    activities,
    activity,
    errors,
    progresses,
    results,
    spans,
    texts,
    times,
)

Change = Callable[[Activity], Activity]


def enders() -> st.SearchStrategy[Change]:
    return st.builds(
        lambda phase, now, told, left, code: (
            lambda old: changes.end(old, phase, now, errors=told, results=left, exit_code=code)
        ),
        st.sampled_from(sorted(ENDED)),
        times,
        st.lists(errors, max_size=3),
        st.lists(results, max_size=3),
        st.none() | st.integers(0, 255),
    )


def movers() -> st.SearchStrategy[Change]:
    """Changes that enter a phase."""
    return st.one_of(
        st.builds(lambda now: lambda old: changes.begin(old, now), times),
        st.builds(lambda now, error: lambda old: changes.run_again(old, now, error), times, errors),
        st.builds(lambda now, error: lambda old: changes.retry(old, now, error), times, errors),
        st.builds(lambda now, error: lambda old: changes.recover(old, now, error), times, errors),
        st.just(changes.release),
        st.builds(lambda now, reason: lambda old: changes.abort(old, now, reason), times, texts),
        enders(),
    )


def others() -> st.SearchStrategy[Change]:
    """Changes within a phase."""
    return st.one_of(
        st.just(changes.take_over),
        st.builds(lambda job: lambda old: changes.give_job(old, job), texts),
        st.builds(lambda said: lambda old: changes.report_progress(old, said), progresses),
        st.builds(lambda now, said: lambda old: changes.warn(old, now, said), times, texts),
        st.builds(lambda time: lambda old: changes.set_termination(old, time), st.none() | times),
        st.builds(
            lambda limit: lambda old: changes.modified(old, changes.set_work_limit(old, limit)), st.none() | spans
        ),
    )


@given(activities(), st.lists(movers() | others(), max_size=12))
def test_any_history_keeps_the_rules(start: Activity, history: list[Change]) -> None:
    old = start
    for change in history:
        new = old
        with contextlib.suppress(InvalidState):
            new = change(old)
        assert new == old or new.version == old.version + 1
        assert new.phase is old.phase or new.phase in TRANSITIONS[old.phase]
        assert new.fence >= old.fence
        assert new.error_status is error_status(new.errors)
        assert (new.id, new.owner, new.work, new.created) == (start.id, start.owner, start.work, start.created)
        if old.phase.ended:
            # Only its time may still move, and the server's own hold on it.
            left = replace(new, terminates=old.terminates, lifetime_set=old.lifetime_set, fence=old.fence)
            assert replace(left, version=old.version) == old
        old = new


@given(activities(), movers())
def test_an_end_is_final(start: Activity, change: Change) -> None:
    if start.phase.ended:
        with pytest.raises(InvalidState):
            change(start)


@given(activities(phase=Phase.EXECUTING), enders())
def test_an_end_keeps_what_was_known(start: Activity, change: Change) -> None:
    ended = change(start)
    assert ended.errors[: len(start.errors)] == start.errors
    assert ended.progress == start.progress
    assert ended.started == start.started
    assert ended.ended is not None
    stays = start.lifetime_set or start.parent is not None or start.expired(ended.ended)
    assert ended.terminates == (start.terminates if stays else add(ended.ended, start.work.keep))


@given(st.lists(errors, max_size=6))
def test_the_flag_derives_from_the_list(listed: list[ActivityError]) -> None:
    fatal = any(not e.handled and e.severity in (Severity.FATAL, Severity.ABORTED) for e in listed)
    wanted = ErrorStatus.FATAL_ERRORS if fatal else ErrorStatus.ERRORS_HANDLED if listed else ErrorStatus.NO_ERRORS
    assert error_status(listed) is wanted


def _error(number: int, *, handled: bool) -> ActivityError:
    return ActivityError(time=NOON, severity=Severity.ERROR, description=str(number), handled=handled)


@given(st.lists(st.booleans(), max_size=40), st.lists(st.booleans(), max_size=40))
def test_the_list_is_bounded_without_losing_what_nobody_handled(before: list[bool], after: list[bool]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MAX_ERRORS", 10)
        everything = [_error(number, handled=handled) for number, handled in enumerate(before + after)]
        grown = activity(errors=tuple(everything[: len(before)]))
        for error in everything[len(before) :]:
            grown = changes.with_errors(grown, (error,))
    unhandled = [error for error in everything if not error.handled]
    assert [error for error in grown.errors if not error.handled] == unhandled
    if after:
        assert len(grown.errors) <= max(10, len(unhandled))
    assert list(grown.errors) == sorted(grown.errors, key=lambda error: int(error.description))


def test_the_newest_of_the_handled_errors_stay() -> None:
    full = activity(errors=tuple(_error(number, handled=True) for number in range(changes.MAX_ERRORS)))
    grown = changes.with_errors(full, (_error(-1, handled=False),))
    assert len(grown.errors) == changes.MAX_ERRORS
    assert (grown.errors[0].description, grown.errors[-1].description) == ("1", "-1")


def test_the_first_start_is_the_start() -> None:
    first = changes.begin(activity(), NOON)
    again = changes.run_again(first, NOON, _error(1, handled=False))
    second = changes.begin(again, NOON + timedelta(hours=1))
    assert (second.started, second.attempt, second.fence) == (NOON, 2, 2)
    assert again.errors[0].handled
    assert (again.engine_job, again.progress) == (None, None)


def test_the_pause_before_a_retry_doubles_up_to_an_hour() -> None:
    """Only failures count: lost work is run again at once, and makes no later pause longer."""
    minutes = timedelta(minutes=1)
    running = changes.begin(activity(work=Work(argv=("true",), retry_after=10 * minutes)), NOON)
    running = changes.begin(changes.recover(running, NOON, _error(0, handled=False)), NOON)
    assert running.begins is None
    for pause in (10, 20, 40, 60, 60):
        queued = changes.retry(running, NOON, _error(1, handled=False))
        assert queued.begins == NOON + pause * minutes
        running = changes.begin(queued, NOON)
        assert running.begins is None
    at_once = changes.begin(activity(), NOON)
    assert changes.retry(at_once, NOON, _error(1, handled=False)).begins is None


@pytest.mark.parametrize("allowed", [0, 1, 5])
def test_lost_work_is_run_again_so_often_and_then_failed(allowed: int) -> None:
    running = changes.begin(activity(work=Work(argv=("true",), recoveries=allowed)), NOON)
    lost = ActivityError(time=NOON, severity=Severity.FATAL, description="The work was killed.", code="WorkLost")
    for times_lost in range(allowed):
        running = changes.begin(changes.recover(running, NOON, lost), NOON)
        assert (running.recovered, running.attempt) == (times_lost + 1, times_lost + 2)
    ended = changes.recover(running, NOON, lost)
    assert (ended.phase, ended.attempt, ended.error_status) == (Phase.FAILED, allowed + 1, ErrorStatus.FATAL_ERRORS)
    assert [(error.code, error.handled) for error in ended.errors] == [
        *[("WorkLost", True)] * allowed,
        ("LostTooOften", False),
    ]
    assert f"recoveries = {allowed}" in ended.errors[-1].description


def test_progress_without_a_percentage_keeps_the_last_one() -> None:
    running = changes.begin(activity(), NOON)
    half = changes.report_progress(running, Progress(50.0, "half"))
    later = changes.report_progress(half, Progress(None, "still"))
    assert later.progress == Progress(50.0, "still")
    assert changes.report_progress(later, Progress(50.0, "still")) is later


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.EXECUTING}))
def test_only_running_work_reports_progress(phase: Phase) -> None:
    with pytest.raises(InvalidState):
        changes.report_progress(activity(phase=phase), Progress(1.0))
    assert changes.give_job(activity(phase=phase), "1").engine_job is None


@pytest.mark.parametrize("phase", sorted(ENDED))
def test_the_limit_of_work_stays_once_it_has_ended(phase: Phase) -> None:
    with pytest.raises(InvalidState):
        changes.set_work_limit(activity(phase=phase), timedelta(1))


def test_a_modification_of_nothing_is_no_change() -> None:
    same = activity(name="a")
    assert changes.modified(same, replace(same, name="a")) is same
    assert changes.modified(same, replace(same, name="b")).version == same.version + 1


@given(times)
def test_time_is_over_at_the_termination_time(now: datetime) -> None:
    assert activity(terminates=now).expired(now)
    assert not activity(terminates=now).expired(now - timedelta(microseconds=1))
    assert not activity(terminates=None).expired(now)


def _safe(texts: Iterable[str]) -> bool:
    return all(set(text) <= set("abcdefghijklmnopqrstuvwxyz234567") and len(text) == 26 for text in texts)


def test_ids_are_safe_in_urls_and_do_not_repeat() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert _safe(made)
