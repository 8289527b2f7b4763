"""The state machine, pair by pair."""

import itertools

import pytest

from wsrf_activity.model.phases import ENDED, LIVE, TRANSITIONS, Phase, Status, sources

#: From each phase, those that may follow. Written out here a second time, as the design has it.
MAY_FOLLOW = {
    ("Pending", "Queued"),
    ("Pending", "Aborted"),
    ("Pending", "Failed"),
    ("Queued", "Executing"),
    ("Queued", "Aborted"),
    ("Queued", "Failed"),
    ("Executing", "Completed"),
    ("Executing", "Failed"),
    ("Executing", "Aborted"),
    ("Executing", "Queued"),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(Phase, Phase)))
def test_every_pair(old: Phase, new: Phase) -> None:
    assert (new in TRANSITIONS[old]) == ((old.value, new.value) in MAY_FOLLOW)
    assert (old in sources(new)) == (new in TRANSITIONS[old])


@pytest.mark.parametrize("phase", Phase)
def test_status_follows_from_the_phase(phase: Phase) -> None:
    over = phase.value in ("Completed", "Failed", "Aborted")
    assert phase.ended == over
    assert phase.status is (Status.ENDED if over else Status.RUNNING)
    assert (phase in ENDED, phase in LIVE) == (over, not over)
    assert bool(TRANSITIONS[phase]) != over


def test_the_words_on_the_wire() -> None:
    assert [str(phase) for phase in Phase] == ["Pending", "Queued", "Executing", "Completed", "Failed", "Aborted"]
