"""What is told of an activity's row, its groups and its events."""

from dataclasses import replace
from datetime import timedelta

import pytest

from wsrf_activity.doctor import Kind
from wsrf_activity.doctor.rows import examine_row
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Members
from wsrf_activity.model.phases import Phase
from wsrf_activity.store.inspection import Entry, Stored
from wsrf_activity.testing.strategies import NOON, activity

RUNNING = changes.begin(activity(groups=("a",)), NOON)
ENDED = changes.end(changes.give_job(RUNNING, "7"), Phase.COMPLETED, NOON)
TOLD = (
    Entry(1, "Queued", None, 1),
    Entry(4, "Executing", "Queued", 2),
    Entry(9, "Completed", "Executing", ENDED.version),
)


def kinds(of: Activity | None, *history: Entry, **said: object) -> set[Kind]:
    known = of or ENDED
    named = frozenset((known.owner, name, known.created) for name in known.groups)
    stored = Stored(known.id, of, known.error_status.value, named, history)
    return {finding.kind for finding in examine_row(replace(stored, **said))}  # type: ignore[arg-type]  # by name


def test_what_is_well() -> None:
    again = Entry(5, "Queued", "Executing", 3), Entry(6, "Executing", "Queued", 4)
    assert kinds(ENDED, *TOLD) == set()
    assert kinds(RUNNING, *TOLD[:2]) == set()
    assert kinds(replace(RUNNING, version=4), *TOLD[:2], *again) == set()


def test_the_clock_may_step_between_start_and_end() -> None:
    assert kinds(replace(ENDED, ended=NOON - timedelta(days=1)), *TOLD) == set()


def test_what_a_row_says() -> None:
    assert kinds(None) == {Kind.ROW_UNREADABLE}
    assert kinds(replace(ENDED, ended=None), *TOLD) == {Kind.ROW_TIMES}
    assert kinds(replace(ENDED, started=None), *TOLD) == {Kind.ROW_TIMES}
    assert kinds(replace(RUNNING, ended=NOON), *TOLD[:2]) == {Kind.ROW_TIMES}
    assert kinds(ENDED, *TOLD, error_status="FatalErrors") == {Kind.ROW_FLAG}
    assert kinds(ENDED, *TOLD, groups=frozenset()) == {Kind.GROUPS}
    assert kinds(ENDED, *TOLD, groups=frozenset({("bob", "a", ENDED.created)})) == {Kind.GROUPS}


@pytest.mark.parametrize(
    ("history", "kind"),
    [
        ((), Kind.HISTORY_ENDLESS),
        (TOLD[:2], Kind.HISTORY_ENDLESS),
        ((*TOLD, Entry(10, "Failed", "Executing", 4)), Kind.HISTORY_ENDS_TWICE),
        ((*TOLD, Entry(10, "Completed", "Executing", 4)), Kind.HISTORY_ENDS_TWICE),
        ((TOLD[0], TOLD[2]), Kind.HISTORY_GAP),
        (TOLD[1:], Kind.HISTORY_GAP),
        ((*TOLD[:2], replace(TOLD[2], version=2)), Kind.HISTORY_GAP),
        ((*TOLD[:2], replace(TOLD[2], version=99)), Kind.HISTORY_GAP),
        ((TOLD[0], replace(TOLD[2], before="Queued")), Kind.HISTORY_GAP),
    ],
)
def test_what_the_event_log_tells(history: tuple[Entry, ...], kind: Kind) -> None:
    assert kinds(ENDED, *history) == {kind}


def test_families() -> None:
    member = replace(RUNNING, parent="p", gathering=True, members=Members(3, 1))
    assert kinds(member, *TOLD[:2], live_members=2) == set()
    assert kinds(member, *TOLD[:2], live_members=2, parent_gone=True) == {Kind.PARENT_GONE}
    assert kinds(member, *TOLD[:2]) == {Kind.MEMBERS_MISCOUNTED}
    waiting = replace(activity(groups=("a",)), phase=Phase.PENDING, needs=("x", "y"))
    told = Entry(1, "Pending", None, 1)
    assert kinds(waiting, told, needs=("Executing", "Completed")) == set()
    for over in ((), ("Completed",), ("Failed", None)):
        assert kinds(waiting, told, needs=over) == {Kind.NEEDS_OVER}
