"""What a store keeps in memory of activities is what is committed, however reads and changes meet."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from wsrf_activity.model.activity import Activity
from wsrf_activity.store.known import Known
from wsrf_activity.testing.strategies import activity

_IDS = ("a", "b", "c")
#: What the writer may do at any moment: change an activity, commit, take all back.
_STEP = st.one_of(st.tuples(st.just("change"), st.sampled_from(_IDS)), st.just(("commit", "")), st.just(("undo", "")))
_STEPS = st.lists(_STEP, max_size=4)
Steps = list[tuple[str, str]]


class _Stored:
    """A database in memory, with one writer that a test moves step by step."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.committed = {name: activity(id=name, version=1) for name in _IDS}
        self._changed: dict[str, Activity] = {}
        self._version = 1

    def take(self, steps: Steps) -> Iterator[dict[str, Activity]]:
        """Take steps; yield what is committed after each."""
        for kind, name in steps:
            if kind == "change":
                self._known.changes(name)
                self._version += 1
                self._changed[name] = activity(id=name, version=self._version)
            else:
                if kind == "commit":
                    self.committed = {**self.committed, **self._changed}
                    yield self.committed  # the commit is there before its end is told
                self._changed = {}
                self._known.ended()
            yield self.committed


def _get(known: Known, stored: _Stored, name: str, first: Steps, second: Steps) -> bool:
    """Read one while the writer takes its steps; whether it was committed at any time meanwhile."""
    there = [stored.committed[name]]

    def read(wanted: str) -> Activity:
        there.extend(state[wanted] for state in stored.take(first))
        found = stored.committed[wanted]
        there.extend(state[wanted] for state in stored.take(second))
        return found

    return known.get(name, read) in there


@given(st.lists(st.tuples(_STEPS, st.sampled_from(_IDS), _STEPS, _STEPS), max_size=20), st.integers(1, 3))
def test_a_read_finds_what_is_committed(rounds: list[tuple[Steps, str, Steps, Steps]], most: int) -> None:
    known = Known(most)
    stored = _Stored(known)
    for before, name, first, second in rounds:
        for _ in stored.take(before):
            pass
        assert _get(known, stored, name, first, second)
        assert _get(known, stored, name, [], [])


def test_what_is_known_is_not_read_again() -> None:
    known = Known(most=2)
    reads: list[str] = []

    def read(name: str) -> Activity | None:
        reads.append(name)
        return None if name == "none" else activity(id=name)

    for name in ("a", "a", "none", "none", "b", "a", "c", "a"):
        known.get(name, read)
    assert reads == ["a", "none", "none", "b", "c", "a"]
