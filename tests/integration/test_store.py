"""The stores of ours: all keep the contract, and each has ways of its own to fail and to be quick."""

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import databases
from tests.integration.statements import connection, together
from wsrf_activity.model.activity import Activity, Progress, new_id
from wsrf_activity.model.errors import InvalidState, Unavailable
from wsrf_activity.model.events import Event
from wsrf_activity.store import Database, Records, open_database, opening, pooled, prepare_database
from wsrf_activity.store import database as sqlite_writer
from wsrf_activity.store.memory import Memory
from wsrf_activity.testing import StoreContract
from wsrf_activity.testing.stores.subject import add, get, new
from wsrf_activity.testing.strategies import NOON, activities


class TestSqlite(StoreContract):
    several = False

    @pytest.fixture
    def store_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'activities.db'}"


class TestPostgreSQL(StoreContract):
    @pytest.fixture
    def store_url(self, postgresql: databases.Cluster) -> Iterator[str]:
        with postgresql.database() as url:
            yield url


class TestMemory(StoreContract):
    several = False
    lasting = False
    concurrent = False

    @pytest.fixture
    def store_url(self) -> str:
        return opening.MEMORY


async def execute(database: Database, statement: str) -> None:
    await database.change(lambda records: connection(records).exec_driver_sql(statement))


def lock_timeout(records: Records) -> Any:
    return connection(records).exec_driver_sql("SHOW lock_timeout").scalar()


@pytest.mark.parametrize("count", [1, 2])
async def test_whatever_an_event_says_is_stored(database: Database, count: int) -> None:
    start, said = new(), Progress(1, "a\0b\ud800c\\u0000 'ä'")
    events = [Event("ProgressReported", start.id, start.owner, 1, NOON, said, {"progress": said})] * count
    await database.change(lambda records: records.insert(start, events))
    found = await database.read(lambda records: records.subscriptions.of_activity(start.id, 0, 9))
    assert [each.event for each in found] == events


@settings(max_examples=1, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
@given(written=st.lists(activities(), min_size=20, max_size=20))
async def test_in_another_process_too(database: Database, database_url: str, written: list[Activity]) -> None:
    written = [replace(each, id=new_id(), request_id=new_id()) for each in written]
    await add(database, *written)
    program = (
        "import asyncio, pickle, sys\n"
        "from wsrf_activity.store import open_database\n"
        "async def main():\n"
        "    database = open_database(sys.argv[1])\n"
        "    found = [await database.read(lambda records: records.get(key)) for key in sys.argv[2:]]\n"
        "    await database.close()\n"
        "    sys.stdout.buffer.write(pickle.dumps(found))\n"
        "asyncio.run(main())\n"
    )
    arguments = [sys.executable, "-c", program, database_url, *(each.id for each in written)]
    ran = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, check=True)
    assert pickle.loads(ran.stdout) == written


async def test_what_was_asked_for_before_it_is_closed_is_done(database_url: str) -> None:
    database = open_database(database_url)
    waiting = [asyncio.create_task(add(database, new())) for _ in range(5)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*waiting)


class TestGroupCommit:
    """Whoever writes commits what is waiting in one go."""

    async def test_one_commit_for_many(self, database: Database) -> None:
        commits: list[object] = []
        sqlalchemy.event.listen(database._engine, "commit", commits.append)  # type: ignore[attr-defined]  # of all of ours
        many = [new() for _ in range(100)]
        await together(database, *(lambda records, each=each: records.insert(each, ()) for each in many))
        assert len(commits) <= 4
        assert [await get(database, each.id) for each in many] == many

    async def test_one_that_fails_hurts_no_other(self, database: Database) -> None:
        good = [new() for _ in range(4)]
        poor = new()

        def refuses(records: Records) -> None:
            records.insert(poor, ())
            raise InvalidState("no", "Queued")

        def errs(records: Records) -> None:
            records.insert(poor, ())
            connection(records).exec_driver_sql("SELECT nonsense")

        outcomes = await together(
            database,
            lambda records: records.insert(good[0], ()),
            refuses,
            lambda records: records.insert(good[1], ()),
            errs,
            lambda records: records.insert(good[2], ()),
            lambda records: 1 // 0,
            lambda records: records.insert(good[3], ()),
        )
        assert outcomes[::2] == [True] * 4
        assert [type(outcome) for outcome in outcomes[1::2]] == [InvalidState, Unavailable, ZeroDivisionError]
        assert [await get(database, each.id) for each in good] == good
        assert await get(database, poor.id) is None

    async def test_one_that_changes_nothing_has_nothing_to_take_back(self, sqlite: Database) -> None:
        good, runs = new(), []

        def refuses(records: Records) -> None:
            runs.append(records.get(good.id))
            raise InvalidState("no", "Queued")

        stored, refused = await together(sqlite, lambda records: records.insert(good, ()), refuses)
        assert (stored, type(refused)) == (True, InvalidState)
        assert runs == [good]  # once: nobody else had to be done again for its sake

    async def test_a_commit_that_fails_fails_all(self, sqlite: Database) -> None:
        await execute(sqlite, "CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        await execute(sqlite, "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
        good = new()
        outcomes = await together(
            sqlite,
            lambda records: records.insert(good, ()),
            lambda records: connection(records).exec_driver_sql("INSERT INTO child VALUES (1)").rowcount,
        )
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert await get(sqlite, good.id) is None
        await add(sqlite, good)

    async def test_an_error_of_ours_is_told_and_the_next_are_committed(
        self, sqlite: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def errs(*_: object) -> None:
            raise RuntimeError("of ours")

        with monkeypatch.context() as patched:
            patched.setattr(sqlite, "_known", SimpleNamespace(ended=errs))
            adding = asyncio.gather(*(add(sqlite, new()) for _ in range(3)), return_exceptions=True)
            outcomes = await asyncio.wait_for(adding, 30)
        assert [str(each) for each in outcomes] == ["of ours"] * 3
        with monkeypatch.context() as patched:
            patched.setattr(sqlite_writer, "_driver", errs)
            with pytest.raises(RuntimeError, match="of ours"):
                await asyncio.wait_for(add(sqlite, new()), 30)
        later = new()
        await add(sqlite, later)
        assert await get(sqlite, later.id) == later

    async def test_a_full_disk_loses_nothing_and_passes(self, sqlite: Database) -> None:
        await execute(sqlite, "PRAGMA max_page_count = 100")
        many = [new(name="x" * 20_000) for _ in range(40)]
        outcomes: list[BaseException | None] = await asyncio.gather(
            *(add(sqlite, each) for each in many), return_exceptions=True
        )
        refused = [str(outcome.__cause__) for outcome in outcomes if isinstance(outcome, Unavailable)]
        assert len(refused) == len(outcomes) - outcomes.count(None) > 0
        assert all("full" in said for said in refused)
        for each, outcome in zip(many, outcomes, strict=True):
            assert await get(sqlite, each.id) == (each if outcome is None else None)
        await execute(sqlite, "PRAGMA max_page_count = 100000")
        await add(sqlite, *(each for each, outcome in zip(many, outcomes, strict=True) if outcome is not None))
        assert [await get(sqlite, each.id) for each in many] == many

    async def test_a_database_that_may_not_be_written_is_read_still(self, sqlite: Database) -> None:
        there, more = new(), new()
        await add(sqlite, there)
        await execute(sqlite, "PRAGMA query_only = ON")
        with pytest.raises(Unavailable, match="log says why") as caught:
            await add(sqlite, more)
        assert "readonly" in str(caught.value.__cause__)
        assert await get(sqlite, there.id) == there
        sqlite._writer.exec_driver_sql("PRAGMA query_only = OFF")  # type: ignore[attr-defined]
        sqlite._writer.rollback()  # type: ignore[attr-defined]
        await add(sqlite, more)


class TestConnections:
    """A server database goes away and comes back, and other servers hold what is wanted here."""

    async def test_who_waits_for_others_keeps_nobody_here_waiting(self, postgresql: Any) -> None:
        """More wait for a row than there are threads; what comes with them and after them is done meanwhile."""
        with postgresql.database() as url:
            database = open_database(url)
            held, free = new(), [new() for _ in range(20)]
            await add(database, held)

            def change(records: Records) -> None:
                records.get_to_change(held.id)

            with psycopg.connect(url.replace("+psycopg", "")) as other:
                other.execute("SELECT id FROM activity WHERE id = %s FOR UPDATE", [held.id])
                waiting = [asyncio.create_task(database.change(change)) for _ in range(pooled.READERS + pooled.ALONE)]
                await asyncio.wait_for(asyncio.gather(*(add(database, each) for each in free)), 30)
                found = await asyncio.wait_for(asyncio.gather(*(get(database, each.id) for each in free)), 30)
                assert found == free
                assert not any(each.done() for each in waiting)
            await asyncio.gather(*waiting)
            await database.close()

    async def test_a_connection_that_is_cut_is_replaced(self, postgresql: Any) -> None:
        with postgresql.database() as url:
            database = open_database(url.replace("+psycopg", ""))
            there = new()
            await add(database, there)
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as killer:
                cut = (
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

                def dies(records: Records) -> None:
                    records.get_to_change(there.id)
                    killer.execute(cut).fetchall()
                    records.get_to_change(there.id)

                for _ in range(4):
                    with pytest.raises(Unavailable, match="the database does not answer"):
                        await database.change(dies)
                    assert await get(database, there.id) == there
                await asyncio.gather(*(get(database, there.id) for _ in range(20)))
                killer.execute(cut).fetchall()
                found = await asyncio.gather(*(get(database, there.id) for _ in range(20)))
                assert found == [there] * 20
            limits = await together(database, *[lock_timeout] * 4)
            assert set(limits) == {"250ms"}  # what replaces a connection is set up as that was
            await database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "accepted: sqlite:///FILE"),
        ("mysql://ada:secret@host/db", "'mysql' is not known"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:////nowhere/at/all.db", "does not answer"),
        ("postgresql://ada:secret@127.0.0.1:1/db", "does not answer"),
        ("postgresql://ada:secret@127.0.0.1:what/db", "accepted"),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_sentence_without_secrets(url: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said) as refused:
        open_database(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_store_of_others_is_found_by_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def opens(url: str) -> Database:
        asked.append(url)
        return Memory()

    found = EntryPoints([EntryPoint("heap", "heap:opens", opening.GROUP), EntryPoint("gone", "no:such", opening.GROUP)])
    monkeypatch.setattr(opening, "entry_points", lambda group: found.select(group=group))
    monkeypatch.setattr(EntryPoint, "load", lambda self: {"heap": opens}[self.name])
    assert isinstance(open_database("heap+tls://ada:secret@host/x"), Memory)
    prepare_database("heap://x")  # each server does so itself
    assert asked == ["heap+tls://ada:secret@host/x"]
    with pytest.raises(Unavailable, match="the store no:such cannot be loaded: KeyError"):
        open_database("gone://x")
    with pytest.raises(Unavailable, match=r"'mysql' is not known here; accepted: .*: gone://, heap://"):
        open_database("mysql://x")
