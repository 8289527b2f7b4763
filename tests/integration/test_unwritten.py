"""What transactions add is put off and written together: in the same batch every statement finds it all the same."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tests.integration.statements import together
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.events import Event, Termination
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Database, Records
from wsrf_activity.testing.stores.subject import get, new
from wsrf_activity.testing.strategies import NOON


def insert_told(added: Activity, records: Records) -> bool:
    """Add an activity with two events."""
    told = [Event(topic, added.id, added.owner, 1, NOON, None) for topic in ("StatusChanged/Queued", "")]
    return records.insert(added, told)


def looked(added: Activity, look: Callable[[Records, Activity], object], records: Records) -> object:
    """Look for an activity."""
    return look(records, added)


def insert_and_look(added: Activity, look: Callable[[Records, Activity], object], records: Records) -> object:
    """Add an activity, and look for it in the same transaction."""
    insert_told(added, records)
    return look(records, added)


def insert_behind(added: Activity, records: Records) -> object:
    """Look for an activity by what was there before it was added."""
    subscriptions = records.subscriptions
    insert_told(added, records)
    return len(subscriptions.of_activity(added.id, 0, 9)) == 2


async def sequences(database: Database, activity_id: str) -> list[int]:
    """Return the places that the events of an activity have."""
    return [each.sequence for each in await database.read(lambda r: r.subscriptions.of_activity(activity_id, 0, 9))]


async def test_what_all_of_them_add_is_written_together(sqlite: Database) -> None:
    said: list[str] = []
    sqlite._writer.connection.driver_connection.set_trace_callback(said.append)  # type: ignore[attr-defined]
    many = [new(request_id=None, groups=("a", "b")) for _ in range(100)]
    await together(sqlite, *(partial(insert_told, each) for each in many))
    assert 0 < sum(each.startswith("INSERT") for each in said) < 20
    assert [await get(sqlite, each.id) for each in many] == many
    assert [await sequences(sqlite, each.id) for each in many] == [[1, 2]] * 100


async def test_what_cannot_be_written_is_refused_alone(database: Database) -> None:
    good, poor = [new(request_id=None) for _ in range(3)], new(request_id=None, name="no \ud800 character")
    stored, refused, read, *others = await together(
        database,
        partial(insert_told, good[0]),
        partial(insert_told, poor),
        lambda records: records.get(good[0].id),  # before that, what was put off would be written
        *(partial(insert_told, each) for each in good[1:]),
    )
    assert isinstance(refused, Exception)
    assert (stored, others) == (True, [True, True])
    assert read == good[0] or (database.shared and read is None)  # who is done alone there keeps no order
    assert await get(database, poor.id) is None
    assert [await get(database, each.id) for each in good] == good


@pytest.mark.parametrize("apart", [True, False])
async def test_every_statement_finds_what_was_added_before_it(database: Database, apart: bool) -> None:
    looks: list[Callable[[Records, Activity], object]] = [
        lambda records, it: records.get(it.id) == it,
        lambda records, it: records.get_to_change(it.id) == it,
        lambda records, it: records.get_many([it.id]) == {it.id: it},
        lambda records, it: it in records.list(it.owner, Filter(group="a"), NOON).activities,
        lambda records, it: it in records.next_queued(it.owner, 100, NOON),
        lambda records, it: it in records.in_phase(Phase.QUEUED),
        lambda records, it: it in records.families.members("above"),
        lambda records, it: records.families.lock([it.id]) == {it.id: it},
        lambda records, it: len(records.subscriptions.of_activity(it.id, 0, 9)) == 2,
        lambda records, it: records.save(it, replace(it, version=it.version + 1), ()),
        lambda records, it: records.remove({it.id: it.id}, Termination(NOON, "")) == [it.id],
    ]
    for place, look in enumerate(looks):
        added = new(request_id=None, groups=("a",), phase=Phase.QUEUED, terminates=None, begins=None, parent="above")
        if apart and not database.shared:  # there one batch is sure to have both
            outcome = await together(database, partial(insert_told, added), partial(looked, added, look))
        else:
            outcome = [await database.change(partial(insert_and_look, added, look))]
        assert outcome[-1] is True, place
    assert await database.change(partial(insert_behind, new(request_id=None))) is True
