"""The store on both databases: what was accepted is there, whole, and each change happens once."""

import asyncio
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.model.strategies import END, NOON, activities, activity
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, new_id
from wsrf_activity.model.errors import InvalidState, Unavailable
from wsrf_activity.model.events import between
from wsrf_activity.model.listing import Filter, Upload
from wsrf_activity.model.phases import ENDED, Phase
from wsrf_activity.store import Database, Records, open_database
from wsrf_activity.store.tables import event as event_log

LATER = NOON + timedelta(days=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'activities.db'}")
    yield database
    await database.close()


def new(**fixed: Any) -> Activity:
    return activity(id=new_id(), **fixed)


async def add(database: Database, *added: Activity) -> None:
    def transaction(records: Records) -> None:
        for each in added:
            assert records.insert(each, between(None, each, NOON))

    await database.change(transaction)


async def get(database: Database, activity_id: str) -> Activity | None:
    return await database.read(lambda records: records.get(activity_id))


async def save(database: Database, old: Activity, changed: Activity) -> bool:
    return await database.change(lambda records: records.save(old, changed, between(old, changed, NOON)))


async def execute(database: Database, statement: str) -> None:
    await database.change(lambda records: records._connection.exec_driver_sql(statement))


def topics(activity_id: str, records: Records) -> Sequence[str]:
    query = sqlalchemy.select(event_log.c.topic).where(event_log.c.activity_id == activity_id).order_by(event_log.c.id)
    return records._connection.execute(query).scalars().all()


class TestRoundTrip:
    """What is read is what was written."""

    @settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
    @given(written=st.lists(activities(), min_size=1, max_size=8))
    async def test_every_activity(self, database: Database, written: list[Activity]) -> None:
        written = [replace(each, id=new_id(), request_id=new_id()) for each in written]
        await add(database, *written)
        assert [await get(database, each.id) for each in written] == written
        changed = [changes.set_termination(each, LATER) for each in written]
        assert all([await save(database, old, then) for old, then in zip(written, changed, strict=True)])
        assert [await get(database, each.id) for each in written] == changed

    @settings(max_examples=1, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
    @given(written=st.lists(activities(), min_size=20, max_size=20))
    async def test_in_another_process_too(self, database: Database, database_url: str, written: list[Activity]) -> None:
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


class TestChanges:
    """A change counts once, however many try."""

    async def test_one_of_many_wins_each_version(self, database: Database, database_url: str) -> None:
        other = open_database(database_url)
        start = changes.begin(new(), NOON)
        await add(database, start)
        old = start
        for _ in range(10):
            then = [changes.warn(old, NOON, str(number)) for number in range(20)]
            won = await asyncio.gather(*(save((database, other)[i % 2], old, each) for i, each in enumerate(then)))
            assert sum(won) == 1
            old = then[won.index(True)]
            assert await get(database, start.id) == await get(other, start.id) == old
        told = await database.read(lambda records: topics(start.id, records))
        assert told.count("ErrorReported") == 10
        await other.close()

    async def test_an_activity_ends_once(self, database: Database, database_url: str) -> None:
        other = open_database(database_url)
        start = changes.begin(new(), NOON)
        await add(database, start)

        def end(phase: Phase, records: Records) -> bool:
            old = records.get_to_change(start.id)
            assert old is not None
            ended = changes.end(old, phase, NOON)
            return records.save(old, ended, between(old, ended, NOON))

        phases = sorted(ENDED) * 10
        tries = (
            (database, other)[i % 2].change(lambda records, phase=phase: end(phase, records))  # type: ignore[misc]
            for i, phase in enumerate(phases)
        )
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        assert [outcome for outcome in outcomes if not isinstance(outcome, InvalidState)] == [True]
        told = await database.read(lambda records: topics(start.id, records))
        assert len([topic for topic in told if topic.startswith("StatusChanged/")]) == 2
        await other.close()

    async def test_what_is_saved_over_must_be_the_same_in_version_phase_and_fence(self, database: Database) -> None:
        start = changes.begin(new(), NOON)
        await add(database, start)
        then = changes.warn(start, NOON, "x")
        for stale in (
            replace(start, version=0),
            replace(start, phase=Phase.QUEUED),
            replace(start, fence=start.fence - 1),
            replace(start, id=new_id()),
        ):
            assert not await save(database, stale, then)
        assert await save(database, start, start)
        assert await get(database, start.id) == start
        assert await database.read(lambda records: topics(start.id, records)) == ["StatusChanged/Executing"]

    async def test_a_request_id_starts_one_activity_of_its_owner(self, database: Database, database_url: str) -> None:
        other = open_database(database_url)
        rivals = [new(request_id="r") for _ in range(20)]
        tries = (
            (database, other)[i % 2].change(lambda records, each=each: records.insert(each, ()))  # type: ignore[misc]
            for i, each in enumerate(rivals)
        )
        won = await asyncio.gather(*tries)
        assert sum(won) == 1
        assert await database.read(lambda records: records.by_request("ada", "r")) == rivals[won.index(True)]
        assert await database.read(lambda records: records.by_request("bob", "r")) is None
        await add(database, new(owner="bob", request_id="r"), new(), new())
        await other.close()

    async def test_an_error_takes_the_whole_change_back(self, database: Database) -> None:
        kept, lost = new(), new(groups=("g",))
        await add(database, kept)

        def transaction(records: Records) -> None:
            assert records.insert(lost, between(None, lost, NOON))
            raise InvalidState("no", "Queued")

        with pytest.raises(InvalidState):
            await database.change(transaction)
        assert await get(database, lost.id) is None
        assert await database.read(lambda records: topics(lost.id, records)) == []

    async def test_reads_see_what_is_committed_and_wait_for_nobody(self, database: Database) -> None:
        loop, holds, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        first, second = new(), new()
        await add(database, first)

        def transaction(records: Records) -> None:
            assert records.insert(second, ())
            loop.call_soon_threadsafe(holds.set)
            assert release.wait(30)

        change = asyncio.create_task(database.change(transaction))
        await holds.wait()
        assert await get(database, first.id) == first
        assert await get(database, second.id) is None
        release.set()
        await change
        assert await get(database, second.id) == second

    async def test_nothing_is_accepted_once_it_is_closed(self, database_url: str) -> None:
        database = open_database(database_url)
        waiting = [asyncio.create_task(add(database, new())) for _ in range(5)]
        await asyncio.sleep(0)
        await database.close()
        await asyncio.gather(*waiting)  # what was asked before is done
        await database.close()
        for call in (database.change, database.read):
            with pytest.raises(Unavailable):
                await call(lambda records: records.get("x"))


class TestGroupCommit:
    """SQLite's one writer commits what is waiting in one go."""

    @staticmethod
    async def together(database: Database, *transactions: Any) -> list[Any]:
        """Run them in one batch: the writer is kept busy until all of them are waiting."""
        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def keep_busy(records: Records) -> None:
            loop.call_soon_threadsafe(busy.set)
            assert release.wait(30)

        first = asyncio.create_task(database.change(keep_busy))
        await busy.wait()
        tasks = [asyncio.create_task(database.change(transaction)) for transaction in transactions]
        await asyncio.sleep(0)
        release.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def test_one_commit_for_many(self, sqlite: Database) -> None:
        commits: list[object] = []
        sqlalchemy.event.listen(sqlite._engine, "commit", commits.append)  # type: ignore[attr-defined]
        many = [new() for _ in range(100)]
        await self.together(sqlite, *(lambda records, each=each: records.insert(each, ()) for each in many))
        assert len(commits) <= 3
        assert [await get(sqlite, each.id) for each in many] == many

    async def test_one_that_fails_hurts_no_other(self, sqlite: Database) -> None:
        good = [new() for _ in range(4)]
        poor = new()

        def refuses(records: Records) -> None:
            records.insert(poor, ())
            raise InvalidState("no", "Queued")

        def errs(records: Records) -> None:
            records.insert(poor, ())
            records._connection.exec_driver_sql("SELECT nonsense")

        outcomes = await self.together(
            sqlite,
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
        assert [await get(sqlite, each.id) for each in good] == good
        assert await get(sqlite, poor.id) is None

    async def test_a_commit_that_fails_fails_all(self, sqlite: Database) -> None:
        await execute(sqlite, "CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        await execute(sqlite, "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
        good = new()
        outcomes = await self.together(
            sqlite,
            lambda records: records.insert(good, ()),
            lambda records: records._connection.exec_driver_sql("INSERT INTO child VALUES (1)").rowcount,
        )
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert await get(sqlite, good.id) is None
        await add(sqlite, good)

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


class TestPostgreSQL:
    """A server database goes away and comes back."""

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
            await database.close()

    async def test_many_on_one_activity_take_turns(self, postgresql: Any) -> None:
        with postgresql.database() as url:
            database = open_database(url)
            start = changes.begin(new(), NOON)
            await add(database, start)

            def once(records: Records) -> bool:
                old = records.get_to_change(start.id)
                assert old is not None
                then = changes.warn(old, NOON, "x")
                return records.save(old, then, between(old, then, NOON))

            assert all(await asyncio.gather(*(database.change(once) for _ in range(100))))
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


class TestListing:
    """Pages of what an owner has."""

    async def test_every_filter(self, database: Database) -> None:
        phases, services, groups = list(Phase), ("a", "b"), ((), ("g",), ("g", "h"))
        stored = [
            new(
                owner=("ada", "bob")[i % 2],
                phase=phases[i % 6],
                service=services[i // 2 % 2],
                groups=groups[i % 3],
                run_id=(None, "r")[i // 3 % 2],
                created=NOON + timedelta(seconds=i // 3),
                terminates=(None, LATER, NOON)[i % 5 % 3],
            )
            for i in range(120)
        ]
        await add(database, *stored)
        visible = [each for each in stored if each.owner == "ada" and not each.expired(NOON)]
        filters: list[tuple[Filter, Any]] = [
            (Filter(), lambda each: True),
            (Filter(phases=(Phase.QUEUED,)), lambda each: each.phase is Phase.QUEUED),
            (Filter(phases=tuple(ENDED)), lambda each: each.phase.ended),
            (Filter(group="g"), lambda each: "g" in each.groups),
            (Filter(group="h", service="a"), lambda each: "h" in each.groups and each.service == "a"),
            (Filter(run_id="r"), lambda each: each.run_id == "r"),
            (Filter(service="b"), lambda each: each.service == "b"),
            (Filter(created_after=stored[60].created), lambda each: each.created > stored[60].created),
            (Filter(group="g", created_after=NOON), lambda each: "g" in each.groups and each.created > NOON),
        ]
        for wanted, matches in filters:
            expected = sorted((e for e in visible if matches(e)), key=lambda e: (e.created, e.id), reverse=True)
            for limit in (1000, len(expected), 7):
                assert await self.pages(database, replace(wanted, limit=max(1, limit))) == expected

    @staticmethod
    async def pages(database: Database, wanted: Filter) -> list[Activity]:
        found: list[Activity] = []
        while True:
            page = await database.read(partial(Records.list, owner="ada", wanted=wanted, now=NOON))
            assert len(page.activities) <= wanted.limit
            found += page.activities
            if page.next is None:
                return found
            wanted = replace(wanted, after=page.next)

    async def test_what_is_created_meanwhile_disturbs_no_page(self, database: Database) -> None:
        stored = [new(created=NOON + timedelta(seconds=i // 4)) for i in range(40)]
        await add(database, *stored)
        wanted, found = Filter(limit=6), list[Activity]()
        while True:
            page = await database.read(partial(Records.list, owner="ada", wanted=wanted, now=NOON))
            found += page.activities
            if page.next is None:
                break
            wanted = replace(wanted, after=page.next)
            await add(database, *(new(created=NOON + timedelta(hours=1)) for _ in range(5)))
        assert found == sorted(stored, key=lambda each: (each.created, each.id), reverse=True)

    async def test_groups_follow_the_activity(self, database: Database) -> None:
        old = new(groups=("a", "b"))
        await add(database, old)
        changed = changes.modified(old, replace(old, groups=("b", "c")))
        assert await save(database, old, changed)
        for group, listed in (("a", []), ("b", [changed]), ("c", [changed])):
            assert await self.pages(database, Filter(group=group)) == listed


class TestQueue:
    """Who is next."""

    async def test_oldest_first_without_the_expired(self, database: Database) -> None:
        stored = [new(owner="bob", created=NOON + timedelta(seconds=i)) for i in range(5)]
        await add(database, *stored[::-1], new(owner="ada", terminates=NOON), new(phase=Phase.COMPLETED, owner="eve"))
        assert list(await database.read(lambda records: records.owners_queued())) == ["ada", "bob"]
        assert list(await database.change(lambda records: records.next_queued("bob", 3, NOON))) == stored[:3]
        assert list(await database.change(lambda records: records.next_queued("ada", 3, NOON))) == []

    async def test_recovery_finds_what_runs(self, database: Database) -> None:
        running = changes.begin(new(), NOON)
        await add(database, running, new())
        assert list(await database.read(lambda records: records.in_phase(Phase.EXECUTING))) == [running]


class TestRemoval:
    """What is gone is gone with everything, once."""

    async def test_everything_goes_and_its_folder_is_remembered(self, database: Database) -> None:
        gone, kept = new(groups=("g",)), new(groups=("g",))
        await add(database, gone, kept)
        folders = {gone.id: f"folders/{gone.id}"}
        assert list(await database.change(lambda records: records.remove(folders, END))) == [gone.id]
        assert list(await database.change(lambda records: records.remove(folders, END))) == []
        assert await get(database, gone.id) is None
        assert await database.read(lambda records: topics(gone.id, records)) == []
        assert await TestListing.pages(database, Filter(group="g")) == [kept]
        assert await database.read(lambda records: topics(kept.id, records)) == ["StatusChanged/Queued"]
        assert list(await database.read(lambda records: records.removals("", 10))) == [folders[gone.id]]
        assert list(await database.read(lambda records: records.removals(folders[gone.id], 10))) == []
        await database.change(lambda records: records.removed([folders[gone.id]]))
        assert list(await database.read(lambda records: records.removals("", 10))) == []

    async def test_many_at_once_remove_it_once(self, database: Database, database_url: str) -> None:
        other = open_database(database_url)
        gone = new()
        await add(database, gone)
        tries = (
            (database, other)[i % 2].change(lambda records: records.remove({gone.id: "f"}, END)) for i in range(10)
        )
        assert sorted(map(len, await asyncio.gather(*tries))) == [0] * 9 + [1]
        await other.close()

    async def test_what_was_extended_meanwhile_stays(self, database: Database) -> None:
        due, extended = new(terminates=NOON), new(terminates=NOON)
        await add(database, due, extended, new(terminates=LATER), new())
        assert {each.id for each in await database.read(lambda records: records.expired(NOON, 10))} == {
            due.id,
            extended.id,
        }
        assert await save(database, extended, changes.set_termination(extended, LATER))
        folders = {due.id: "a", extended.id: "b"}
        assert list(await database.change(lambda records: records.remove(folders, END, expired_by=NOON))) == [due.id]

    async def test_the_next_deadline_is_the_earliest_of_all(self, database: Database) -> None:
        assert await database.read(lambda records: records.next_deadline()) is None
        await add(database, new(), new(terminates=LATER))
        assert await database.read(lambda records: records.next_deadline()) == LATER
        upload = Upload("u", "ada", 1, "0" * 64, NOON)
        await database.change(lambda records: records.add_upload(upload))
        assert await database.read(lambda records: records.next_deadline()) == NOON
        assert await database.read(lambda records: records.get_upload("u")) == upload
        assert await database.change(lambda records: records.remove_expired_uploads(NOON, "uploads")) == 1
        assert await database.change(lambda records: records.remove_expired_uploads(NOON, "uploads")) == 0
        assert list(await database.read(lambda records: records.removals("", 10))) == ["uploads/u"]
        assert await database.read(lambda records: records.next_deadline()) == LATER
