"""The log that subscriptions read, on both databases: nothing is missed, read twice or kept for nobody."""

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, text

from tests.integration.house import ADA, BOB, House, until
from tests.integration.statements import connection, statements
from tests.integration.telling import asked, read, settled, topics
from wsrf_activity.manager import Limits
from wsrf_activity.manager.eventlog import replay
from wsrf_activity.model import changes
from wsrf_activity.model.events import Event
from wsrf_activity.model.subscriptions import Policy
from wsrf_activity.store import codec, tables
from wsrf_activity.store.subscriptions import Subscriptions
from wsrf_activity.testing.strategies import END, NOON


@pytest.fixture
def limits() -> Limits:
    return Limits(parallel=1)


async def test_positions_outlive_a_restart(house: House) -> None:
    made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
    first = await house.create()
    told = await read(house.manager.telling, made.id)
    assert {change.logged.event.activity_id for change in told} == {first}
    await house.restart()
    [kept] = await house.manager.telling.subscriptions()
    assert kept.delivered == len(told)
    again = [c for c in await read(house.manager.telling, made.id) if c in told]
    assert again == []


async def test_an_end_is_told_once_and_then_all_is_forgotten(house: House) -> None:
    activity_id, other = await house.running(), await house.create()
    one = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
    all_ = await house.manager.subscriptions.subscribe(ADA, asked(), None)
    for each in (activity_id, other):
        await house.manager.destroy(ADA, each)
    [*_, last] = await read(house.manager.telling, one.id)
    assert (last.logged.event.topic, last.new) == ("Terminated", None)
    assert last.logged.event.payload is not None
    assert await _rows(house) != []
    told = await read(house.manager.telling, all_.id)
    assert topics(told).count("Terminated") == 2
    await house.manager.telling.finished(one.id)
    await until(lambda: _forgotten(house))


async def test_nobody_is_owed_what_nobody_asked_for(house: House) -> None:
    await house.manager.subscriptions.subscribe(BOB, asked(), None)
    activity_id = await house.create()
    await house.manager.destroy(ADA, activity_id)
    assert await _rows(house) == []


async def test_unsubscribing_forgets_too(house: House) -> None:
    activity_id = await house.create()
    made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
    await house.manager.destroy(ADA, activity_id)
    assert await _rows(house) != []
    await house.manager.subscriptions.unsubscribe(ADA, made.id)
    assert await _rows(house) == []


@pytest.mark.parametrize("first", ["the late one has", "the early one has"])
async def test_a_lower_id_may_be_committed_later(house: House, database_url: str, first: str) -> None:
    """As it happens on PostgreSQL, whoever has the lower number of a transaction. Neither is it missed, nor does
    the position go beyond it.
    """
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer")
    made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
    slow = await house.running()
    await house.noted(slow)
    quick = await house.create()  # it waits for its slot, so that nothing more happens
    await read(house.manager.telling, made.id)
    [subscription] = await house.manager.telling.subscriptions([made.id])
    reader = house.manager.telling.reader(subscription)
    while await reader.next(9):
        pass
    await house.manager.telling._write()  # else that would be a transaction that ends in between
    engine = create_engine(database_url)
    with engine.connect() as late, engine.connect() as early:
        if first == "the early one has":
            early.execute(text("SELECT pg_current_xact_id()"))
        for connection, activity_id in ((late, slow), (early, quick)):
            event = Event("ProgressReported", activity_id, "ada", 9, NOON, None, {})
            connection.execute(insert(tables.event), {**codec.event_row(event), "sequence": 99})
        early.commit()
        house.manager.telling.news(quick, "ada")
        assert [c.logged.event.activity_id for c in await reader.next(9)] == [quick]
        before = reader.position
        await asyncio.sleep(0)
        await house.manager.telling._settle()
        assert reader.position == before
        late.commit()
    engine.dispose()
    # Nobody has said that there is something: looking at how far the log is settled finds it.
    await until(lambda: settled(house.manager.telling, "ada", before + 1))
    assert [c.logged.event.activity_id for c in await reader.next(9)] == [slow]
    assert await reader.next(9) == ()
    assert reader.position > before


async def test_what_is_written_while_one_subscribes_comes_before_the_answer(house: House, database_url: str) -> None:
    """Its id may be lower than where the subscription begins: it would never be told."""
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer")
    activity_id = await house.running()
    await house.noted(activity_id)
    engine = create_engine(database_url)
    with engine.connect() as late:
        event = Event("ProgressReported", activity_id, "ada", 9, NOON, None, {})
        late.execute(insert(tables.event), {**codec.event_row(event), "sequence": 99})
        answered = asyncio.create_task(house.manager.subscriptions.subscribe(ADA, asked(), None))
        await until(lambda: _subscribed(house))
        for _ in range(5):
            assert await _subscribed(house)
            assert not answered.done()
        late.commit()
        await answered
    engine.dispose()


async def test_what_is_committed_here_is_not_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is what the log has: whoever reads it later finds the same."""
    activity_id = await house.running()
    await house.noted(activity_id)
    made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
    assert await read(house.manager.telling, made.id) == []
    with monkeypatch.context() as patched:
        patched.delattr(Subscriptions, "of_activity")
        house.engine.finish(activity_id)
        await house.wait(activity_id)
        told = await read(house.manager.telling, made.id)
    assert topics(told)[-1] == "StatusChanged/Completed"
    logged = [change async for part in replay(house.database, activity_id) for change in part]
    assert logged[-len(told) :] == told


async def test_what_others_have_done_before_is_read(house: House) -> None:
    """They are heard of late, or never."""
    activity_id = await house.running()
    await house.noted(activity_id)
    made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
    known = await read(house.manager.telling, made.id)
    event = Event("", activity_id, "ada", 9, NOON, None, {"name": "other"})
    await house.database.change(lambda records: statements(records).log([event]))
    house.engine.finish(activity_id)
    await house.wait(activity_id)
    told = [*known, *await read(house.manager.telling, made.id)]
    assert topics(told)[-1] == "StatusChanged/Completed"
    assert told[0].logged.event.changed == {"name": "other"}
    assert [change.old.name for change in told[1:] if change.old] == ["other"] * len(told[1:])
    assert [change.logged.sequence for change in told] == list(
        range(told[0].logged.sequence, told[0].logged.sequence + len(told))
    )


async def test_a_row_that_nobody_has_told_of_is_not_passed_over(house: House) -> None:
    """It is there from the commit on; that it is there may be heard later, by another server above all."""
    activity_id = await house.running()
    await house.noted(activity_id)
    one = await house.manager.subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=1)), activity_id)
    all_ = await house.manager.subscriptions.subscribe(ADA, asked(), None)
    known = await read(house.manager.telling, one.id)
    event = Event("", activity_id, "ada", 9, NOON, None, {})
    await house.database.change(lambda records: statements(records).log([event]))
    told = await read(house.manager.telling, all_.id)
    assert [change.logged.sequence for change in told] == [len(known) + 1]


async def test_a_long_log_is_read_in_parts_and_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsrf_activity.manager.eventlog._PAGE", 7)
    monkeypatch.setattr("wsrf_activity.manager.eventlog._KEPT", 3)
    all_ = await house.manager.subscriptions.subscribe(ADA, asked(), None)
    activity_id = await house.running()
    await house.noted(activity_id)
    one = await house.manager.subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=1)), activity_id)
    for number in range(60):
        await house.manager.ledger.change(activity_id, partial(changes.warn, message=str(number)))
    rows: list[int] = []
    of_activity = Subscriptions.of_activity

    def counted(self: Subscriptions, activity_id: str, after: int, limit: int) -> Any:
        found = of_activity(self, activity_id, after, limit)
        rows.append(len(found))
        return found

    monkeypatch.setattr(Subscriptions, "of_activity", counted)
    told = await read(house.manager.telling, all_.id)
    assert [change.logged.sequence for change in told] == list(range(1, len(told) + 1))
    assert [len(change.new.errors) for change in told if change.new][-60:] == list(range(1, 61))
    assert await read(house.manager.telling, one.id) == told
    assert max(rows) <= 7
    assert sum(rows) < 12 * len(told)  # a page for each two of each reader, and the tail; not a log for each


async def test_a_reader_who_has_much_to_read(house: House) -> None:
    made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
    activity_id = await house.running()
    for number in range(30):
        await house.manager.ledger.change(activity_id, partial(changes.warn, message=str(number)))
    told = await read(house.manager.telling, made.id)
    said = [c.logged.event.payload.description for c in told if c.logged.event.topic == "ErrorReported"]  # type: ignore[union-attr]  # of an error
    assert said == [str(number) for number in range(30)]
    assert sorted(c.logged.id for c in told) == [c.logged.id for c in told]
    assert told[-1].new is not None
    assert len(told[-1].new.errors) == 30


async def _subscribed(house: House) -> bool:
    return bool(await house.manager.telling.subscriptions())


async def _rows(house: House) -> list[str]:
    """Return whose events are there, and whose activities are not."""

    def transaction(records: Any) -> list[str]:
        known = select(tables.activity.c.id)
        query = select(tables.event.c.activity_id).where(tables.event.c.activity_id.not_in(known)).distinct()
        return list(connection(records).execute(query).scalars())

    return await house.database.read(transaction)


async def _forgotten(house: House) -> bool:
    return await _rows(house) == []


def test_the_end_of_an_activity_is_kept_as_it_was() -> None:
    event = Event("Terminated", "a" * 26, "ada", 2, NOON, END)
    row = {**codec.event_row(event), "id": 1, "sequence": 5}
    assert codec.read_event(row).event == event
