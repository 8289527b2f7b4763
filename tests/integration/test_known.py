"""What SQLite's server keeps in memory of activities is never behind what is committed."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.integration.statements import connection
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.store import Database, Records
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.testing.stores.subject import add, get, new, save
from wsrf_activity.testing.strategies import END, NOON

LATER = NOON + timedelta(days=1)


def _save(records: Records, old: Activity) -> object:
    return records.save(old, replace(old, version=old.version + 1, terminates=LATER), [])


def _save_many(records: Records, old: Activity) -> object:
    return records.save_many([(old, replace(old, version=old.version + 1, terminates=LATER))], [])


def _follow(records: Records, old: Activity) -> None:
    assert old.parent is not None
    records.families.follow(old.parent, LATER)


def _any_statement(records: Records, old: Activity) -> object:
    return connection(records).execute(update(activities).values(terminates=LATER))


@pytest.mark.parametrize("change", [_save, _save_many, _follow, _any_statement])
async def test_a_change_is_seen(sqlite: Database, change: Callable[[Records, Activity], object]) -> None:
    parent, other = new(), new()
    child = new(parent=parent.id)
    await add(sqlite, parent, child, other)
    for each in (child, other):
        assert await get(sqlite, each.id) is await get(sqlite, each.id)  # it is in memory
    await sqlite.change(lambda records: change(records, child))
    found = await get(sqlite, child.id)
    assert found is not None
    assert found.terminates == LATER


async def test_what_is_removed_is_gone(sqlite: Database) -> None:
    there = new()
    await add(sqlite, there)
    assert await get(sqlite, there.id) == there
    await sqlite.change(lambda records: records.remove({there.id: "folder"}, END))
    assert await get(sqlite, there.id) is None


async def test_what_is_taken_back_is_as_it_was(sqlite: Database) -> None:
    there = new()
    await add(sqlite, there)

    def fail(records: Records) -> None:
        assert records.save(there, changes.set_termination(there, LATER), [])
        raise KeyError("no")

    with pytest.raises(KeyError):
        await sqlite.change(fail)
    assert await get(sqlite, there.id) == there


async def test_who_reads_without_pause_never_sees_the_past(sqlite: Database) -> None:
    there = new()
    await add(sqlite, there)
    told = there.version
    done = False

    async def read() -> int:
        seen = 0
        while not done:
            at_least = max(seen, told)
            found = await get(sqlite, there.id)
            assert found is not None
            assert found.version >= at_least
            seen = found.version
            await asyncio.sleep(0)
        return seen

    reading = asyncio.create_task(read())
    for _ in range(200):
        old, there = there, replace(there, version=there.version + 1)
        assert await save(sqlite, old, there)
        told = there.version
    done = True
    assert await reading <= there.version
