"""Whatever order the members of families end in, and whatever is aborted meanwhile: all end, once, and add up."""

from collections import Counter
from contextlib import closing
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from wsrf_activity.manager.kin import Family, MembersFirst
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Members
from wsrf_activity.model.events import between
from wsrf_activity.model.families import abandon
from wsrf_activity.model.phases import ENDED, Phase
from wsrf_activity.store.memory import Memory
from wsrf_activity.store.records import Records
from wsrf_activity.testing.strategies import NOON, activity

ENDS = st.sampled_from([Phase.COMPLETED, Phase.COMPLETED, Phase.FAILED, Phase.ABORTED])
#: For each member its place among others: how many of the ones before it come first, and whether it is a family too.
SHAPES = st.lists(
    st.tuples(st.sets(st.integers(0, 4), max_size=2), st.booleans(), st.integers(1, 3)), min_size=1, max_size=5
)
#: Who is next, what becomes of it, and whether it is aborted from outside instead.
STEPS = st.lists(st.tuples(st.integers(0, 99), ENDS, st.integers(0, 9).map(lambda n: n == 0)), max_size=60)


def made(shape: list[tuple[set[int], bool, int]]) -> list[Activity]:
    """Return a parent with members, some of which come after others, and some of which have members."""
    parent = gathering("p", None, len(shape))
    found = [parent]
    for number, (before, family, size) in enumerate(shape):
        needs = tuple(f"m{other}" for other in sorted(before) if other < number and not shape[other][1])
        if family:
            found.append(gathering(f"m{number}", "p", size))
            found += [leaf(f"m{number}x{each}", f"m{number}", ()) for each in range(size)]
        else:
            found.append(leaf(f"m{number}", "p", needs))
    return found


def gathering(name: str, parent: str | None, size: int) -> Activity:
    return activity(id=name, parent=parent, phase=Phase.EXECUTING, started=NOON, gathering=True, members=Members(size))


def leaf(name: str, parent: str, needs: tuple[str, ...]) -> Activity:
    return activity(id=name, parent=parent, needs=needs, phase=Phase.PENDING if needs else Phase.QUEUED)


def change(records: Records, activity_id: str, phase: Phase, abort: bool) -> None:
    """Do what becomes of one activity, as a server does."""
    for members_first in (False, True):
        family = Family(records, NOON)
        if members_first:
            family.hold_members(activity_id)
        old = records.get_to_change(activity_id)
        assert old is not None
        if old.phase.ended or (old.gathering and not abort):
            return
        try:
            if abort or old.phase is Phase.PENDING:
                family.write(old, abandon(old, "enough", NOON))
            else:
                begun = old if old.phase is Phase.EXECUTING else family.write(old, changes.begin(old, NOON))
                family.write(begun, changes.end(begun, phase, NOON))
        except MembersFirst:
            continue
        return


@settings(max_examples=30, deadline=None)
@given(SHAPES, STEPS)
def test_families_end_and_add_up(shape: list[tuple[set[int], bool, int]], steps: list[tuple[int, Phase, bool]]) -> None:
    everybody = made(shape)
    with closing(Memory()._connection) as connection, connection.begin():
        records = Records(connection)
        for each in everybody:
            records.insert(each, between(None, each, NOON))
        records.families.add_needs([(each.id, needed) for each in everybody for needed in each.needs])
        for number, phase, abort in steps:
            change(records, everybody[number % len(everybody)].id, phase, abort)
        for each in everybody:  # in this order those that others come after go first
            change(records, each.id, Phase.COMPLETED, abort=False)
        found = records.get_many([each.id for each in everybody])
        for each in found.values():
            assert each.phase in ENDED, each
            check(each, [other for other in found.values() if other.parent == each.id])
            told = [logged.event.topic for logged in records.subscriptions.of_activity(each.id, 0, 999)]
            assert sum(topic in {f"StatusChanged/{phase}" for phase in ENDED} for topic in told) == 1
        assert records.families.waiting([each.id for each in everybody]) == set()


def check(each: Activity, members: list[Activity]) -> None:
    """Say whether an activity is what its members, and those that it came after, come to."""
    if each.members is None:
        return
    phases = Counter(member.phase for member in members)
    completed, failed, aborted = phases[Phase.COMPLETED], phases[Phase.FAILED], phases[Phase.ABORTED]
    assert each.members == Members(len(members), completed, failed, aborted)
    if each.ending is not None:
        assert each.phase is Phase.ABORTED
    else:
        assert each.phase is (Phase.COMPLETED if completed else Phase.FAILED)
        assert sum(error.handled for error in each.errors) == failed + aborted
    assert not replace(each, gathering=False).at_work
