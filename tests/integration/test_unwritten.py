"""What transactions add is put off and written together: in the same batch every statement finds it all the same."""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import create_engine

from tests.integration.statements import together
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.events import Event, Logged, Termination
from wsrf_activity.model.listing import Filter
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Database, Records, families, servers
from wsrf_activity.store import records as records_module
from wsrf_activity.store.prepared import Prepared
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


async def logged(database: Database, activity_id: str) -> Sequence[Logged]:
    """Return the events of an activity."""
    return await database.read(lambda records: records.subscriptions.of_activity(activity_id, 0, 9))


async def sequences(database: Database, activity_id: str) -> list[int]:
    """Return the places that the events of an activity have."""
    return [each.sequence for each in await logged(database, activity_id)]


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


def save_and_tell(old: Activity, topics: Sequence[str], records: Records) -> Activity:
    """Write the next version of an activity, with events."""
    new = replace(old, version=old.version + 1)
    assert records.save(old, new, [Event(topic, new.id, new.owner, new.version, NOON, None) for topic in topics])
    return new


async def test_events_of_several_changes_are_in_their_order(database: Database) -> None:
    old, fresh = new(request_id=None), new(request_id=None)
    await database.change(partial(insert_told, old))
    once = replace(old, version=old.version + 1)
    outcomes = await together(
        database,
        partial(save_and_tell, old, ["a", "b"]),
        partial(insert_told, fresh),
        partial(save_and_tell, fresh, ["c"]),
        partial(save_and_tell, once, ["d"]),
    )
    assert not [each for each in outcomes if isinstance(each, Exception)]
    logs = [await logged(database, each.id) for each in (old, fresh)]
    assert [[each.sequence for each in log] for log in logs] == [[1, 2, 3, 4, 5], [1, 2, 3]]
    assert [[each.event.topic for each in log][2:] for log in logs] == [["a", "b", "d"], ["c"]]
    in_order = sorted((each for log in logs for each in log), key=lambda each: each.id)
    assert [each.event.topic for each in in_order[2:]] == ["a", "b", "StatusChanged/Queued", "", "c", "d"]


async def test_a_change_that_fails_leaves_none_of_its_events(database: Database) -> None:
    def fail(records: Records) -> None:
        new_version = replace(first, version=first.version + 1)
        records.save(first, new_version, [Event("lost", first.id, first.owner, first.version + 1, NOON, None)])
        raise ValueError

    first, second = new(request_id=None), new(request_id=None)
    for each in (first, second):
        await database.change(partial(insert_told, each))
    _, failed, _ = await together(
        database, partial(save_and_tell, second, ["a"]), fail, partial(save_and_tell, first, ["b"])
    )
    assert isinstance(failed, ValueError)
    assert [await sequences(database, each.id) for each in (first, second)] == [[1, 2, 3], [1, 2, 3]]
    [*_, last] = await logged(database, first.id)
    assert last.event.topic == "b"


async def test_statements_beside_the_log_do_not_name_it() -> None:
    beside = {name: each for module in (families, servers) for name, each in vars(module).items()}
    named = re.findall(r"(_[A-Z_]+)\.\w+\(self\._beside_log", inspect.getsource(records_module))
    beside |= {name: getattr(records_module, name) for name in named}
    prepared = {name: each for name, each in beside.items() if isinstance(each, Prepared)}
    assert {"_GET", "_NEXT_QUEUED", "_DEPENDANTS", "_IN_FORCE"} <= set(prepared)
    dialect = create_engine("postgresql+psycopg://").dialect
    for name, each in prepared.items():
        assert not re.search(r"\bevent\b", each._for(dialect).sql), name
    assert "event_log" not in inspect.getsource(families) + inspect.getsource(servers)
