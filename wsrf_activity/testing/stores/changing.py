"""A store's contract, first part: what is read is what was written, and each change happens once."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, new_id
from wsrf_activity.model.errors import InvalidState, Unavailable
from wsrf_activity.model.events import between
from wsrf_activity.model.phases import ENDED, Phase
from wsrf_activity.store import Database, Records
from wsrf_activity.testing.stores.subject import Subject, add, get, new, save, topics
from wsrf_activity.testing.strategies import NOON, activities

LATER = NOON + timedelta(days=1)


class Keeping(Subject):
    """What is read is what was written."""

    @settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
    @given(written=st.lists(activities(), min_size=1, max_size=8))
    async def test_every_activity_is_kept(self, database: Database, other: Database, written: list[Activity]) -> None:
        written = [replace(each, id=new_id(), request_id=new_id()) for each in written]
        await add(database, *written)
        assert [await get(database, each.id) for each in written] == written
        changed = [changes.set_termination(each, LATER) for each in written]
        assert all([await save(database, old, then) for old, then in zip(written, changed, strict=True)])
        assert [await get(other, each.id) for each in changed] == changed
        found = await other.read(lambda records: records.get_many([each.id for each in changed]))
        assert found == {each.id: each for each in changed}

    async def test_what_is_closed_is_there_when_it_is_opened_again(self, store_url: str) -> None:
        if not self.lasting:
            pytest.skip("what is in memory goes with it")
        kept = new(groups=("g",))
        first = self.open(store_url)
        await add(first, kept)
        await first.close()
        again = self.open(store_url)
        assert await get(again, kept.id) == kept
        await again.close()

    async def test_nothing_is_accepted_once_it_is_closed(self, store_url: str) -> None:
        database = self.open(store_url)
        there = new()
        await add(database, there)
        await database.close()
        await database.close()
        for call in (database.change, database.read, database.change_at_once):
            with pytest.raises(Unavailable):
                await call(lambda records: records.get(there.id))


class Changing(Subject):
    """A change counts once, however many try."""

    async def test_one_of_many_wins_each_version(self, database: Database, other: Database) -> None:
        start = changes.begin(new(), NOON)
        await add(database, start)
        old = start
        for _ in range(10):
            then = [changes.warn(old, NOON, str(number)) for number in range(20)]
            won = await asyncio.gather(*(save((database, other)[i % 2], old, each) for i, each in enumerate(then)))
            assert sum(won) == 1
            old = then[won.index(True)]
            assert await get(database, start.id) == await get(other, start.id) == old
        assert (await topics(database, start.id)).count("ErrorReported") == 10

    async def test_an_activity_ends_once(self, database: Database, other: Database) -> None:
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
        told = await topics(database, start.id)
        assert len([topic for topic in told if topic.startswith("StatusChanged/")]) == 2

    async def test_many_on_one_activity_take_turns(self, database: Database) -> None:
        start = changes.begin(new(), NOON)
        await add(database, start)

        def once(records: Records) -> bool:
            old = records.get_to_change(start.id)
            assert old is not None
            then = changes.warn(old, NOON, "x")
            return records.save(old, then, between(old, then, NOON))

        assert all(await asyncio.gather(*(database.change(once) for _ in range(100))))

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
        assert await topics(database, start.id) == ["StatusChanged/Executing"]

    async def test_a_request_id_starts_one_activity_of_its_owner(self, database: Database, other: Database) -> None:
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

    async def test_an_error_takes_the_whole_change_back(self, database: Database) -> None:
        kept, lost = new(), new(groups=("g",))
        await add(database, kept)

        def transaction(records: Records) -> None:
            assert records.insert(lost, between(None, lost, NOON))
            raise InvalidState("no", "Queued")

        with pytest.raises(InvalidState):
            await database.change(transaction)
        assert await get(database, kept.id) == kept
        assert await get(database, lost.id) is None
        assert await topics(database, lost.id) == []

    async def test_reads_see_what_is_committed_and_wait_for_nobody(self, database: Database) -> None:
        if not self.concurrent:
            pytest.skip("all takes turns in the event loop")
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
