"""The reaper: what has expired goes when its time comes, whatever happens to clocks, disks and databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.house import ADA, House, until
from wsrf_activity import reaper as rooms
from wsrf_activity.engines.memory import MemoryRun
from wsrf_activity.model import changes
from wsrf_activity.model.errors import NoSuchActivity, Unavailable
from wsrf_activity.model.listing import Filter
from wsrf_activity.reaper import Reaper
from wsrf_activity.testing.strategies import NOON

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture
async def reaper(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reaper]:
    monkeypatch.setattr(rooms, "_HEARTBEAT", 0.005)
    reaper = await _started(house)
    yield reaper
    await reaper.stop()


async def _started(house: House) -> Reaper:
    reaper = Reaper(house.manager, house.clock)
    await reaper.start()
    await until(lambda: not reaper._reaping.locked())
    return reaper


async def stored(house: House, activity_id: str) -> bool:
    return await house.database.read(lambda records: records.get(activity_id)) is not None


def folder(house: House, activity_id: str) -> Path:
    return house.data / "activities" / activity_id[:2] / activity_id


async def gone(house: House, activity_id: str) -> None:
    async def holds() -> bool:
        return not await stored(house, activity_id) and not folder(house, activity_id).exists()

    await until(holds)


async def test_what_a_killed_server_was_destroying_is_destroyed(house: House) -> None:
    activity_id = await house.running(input=b"data")
    await house.manager.ledger.change(activity_id, changes.leave)
    with pytest.raises(NoSuchActivity):
        await house.get(activity_id)
    await house.restart()
    reaper = await _started(house)
    await gone(house, activity_id)
    await reaper.stop()


async def test_running_work_ends_with_its_time(house: House, reaper: Reaper) -> None:
    activity_id = await house.running(input=b"data", lifetime=3 * SECOND)
    waiting = asyncio.create_task(house.wait(activity_id))
    await until(lambda: activity_id in house.manager._waiters._waiting)
    other = await house.running(input=b"data", lifetime=4 * SECOND)
    house.now += 3 * SECOND
    with pytest.raises(NoSuchActivity):
        await waiting
    await gone(house, activity_id)
    assert house.engine.runs[activity_id, 1].aborted
    assert await stored(house, other)
    assert not house.engine.runs[other, 1].aborted


async def test_work_that_no_client_has_bounded_ends_at_the_maximum(house: House, reaper: Reaper) -> None:
    activity_id = await house.running()
    house.now += timedelta(days=366)
    await gone(house, activity_id)
    assert house.engine.runs[activity_id, 1].aborted


async def test_an_earlier_time_is_heard_of(house: House, reaper: Reaper) -> None:
    activity_id = await house.create(lifetime=HOUR)
    await until(lambda: reaper._deadline == NOON + HOUR)
    await house.manager.set_termination(ADA, activity_id, SECOND)
    assert reaper._deadline == NOON + SECOND
    house.now += SECOND
    await gone(house, activity_id)


async def test_a_later_time_is_waited_for(house: House, reaper: Reaper) -> None:
    activity_id = await house.create(lifetime=SECOND)
    await house.manager.set_termination(ADA, activity_id, HOUR)
    house.now += 2 * SECOND
    await until(lambda: reaper._deadline == NOON + HOUR)
    assert await stored(house, activity_id)


async def test_clocks_that_jump_harm_nothing(house: House, reaper: Reaper) -> None:
    soon, late = await house.create(lifetime=HOUR / 2), await house.create(lifetime=2 * HOUR)
    house.now -= HOUR
    await reaper.reap()
    assert await stored(house, soon)
    house.now = NOON + HOUR
    await gone(house, soon)
    assert await stored(house, late)
    house.now = NOON + 2 * HOUR
    await gone(house, late)


async def test_what_expired_while_no_server_ran_is_gone_at_the_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await house.running(lifetime=SECOND)
    made = [await house.create(input=b"data", lifetime=timedelta(seconds=n)) for n in range(1, 6)]
    await house.close()
    house.now += 3 * SECOND
    await house.open()
    reaper = await _started(house)
    for activity_id in (*made[:3], running):
        await gone(house, activity_id)
    assert house.engine.runs[running, 1].aborted
    assert [await stored(house, activity_id) for activity_id in made[3:]] == [True, True]
    await until(lambda: reaper._deadline == NOON + 4 * SECOND)
    await reaper.stop()


async def test_nothing_is_looked_for_before_its_time(
    house: House, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no sweep: between deadlines the table is left alone, however often the clock is looked at."""
    await house.create(lifetime=HOUR)
    await until(lambda: reaper._deadline == NOON + HOUR)
    looks: list[object] = []

    async def count(now: object) -> int:
        looks.append(now)
        return 0

    monkeypatch.setattr(house.manager.remover, "reap", count)
    for _ in range(50):
        house.now += SECOND
        await asyncio.sleep(0.001)
    assert looks == []


async def test_many_at_once(house: House, reaper: Reaper) -> None:
    await house.allow(0)
    made = [await house.create(lifetime=SECOND) for _ in range(250)]
    kept = await house.create()
    house.now += SECOND
    for activity_id in made:
        await gone(house, activity_id)
    assert [each.id for each in (await house.manager.list(ADA, Filter())).activities] == [kept]

    async def forgotten() -> bool:
        return not await house.database.read(lambda records: records.removals("", 9))

    await until(forgotten)


async def test_what_has_ended_does_not_wait_for_work_that_dies_slowly(
    house: House, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = await house.running(lifetime=SECOND)
    ended = await house.running(lifetime=SECOND)
    house.engine.finish(ended)
    await house.wait(ended)
    asked = asyncio.Event()

    async def ignore(run: MemoryRun) -> None:
        asked.set()

    monkeypatch.setattr(MemoryRun, "abort", ignore)
    house.now += SECOND
    await gone(house, ended)
    await asked.wait()
    assert await stored(house, stubborn)
    house.engine.finish(stubborn)
    await gone(house, stubborn)


async def test_an_input_that_nobody_used_expires(house: House, reaper: Reaper) -> None:
    async def data() -> AsyncIterator[bytes]:
        yield b"data"

    upload = await house.manager.upload(ADA, data())
    path = house.data / "uploads" / upload.id
    assert path.exists()
    assert reaper._deadline == upload.expires
    house.now = upload.expires
    await until(lambda: not path.exists())


@pytest.mark.parametrize("failure", [Unavailable("gone"), OSError("no such device"), ValueError("an odd row")])
async def test_it_outlives_any_failure_and_does_not_spin(
    house: House, reaper: Reaper, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = house.manager.remover.reap, 0

    async def broken(now: object) -> int:
        nonlocal failures
        failures += 1
        raise failure

    monkeypatch.setattr(house.manager.remover, "reap", broken)
    activity_id = await house.create(lifetime=SECOND)
    house.now += SECOND
    await until(lambda: failures > 0 and reaper._deadline == house.now + rooms._RETRY)
    before = failures
    for _ in range(1000):
        await asyncio.sleep(0)
    assert failures <= before + 2  # what the heart had called for already
    monkeypatch.setattr(house.manager.remover, "reap", real)
    house.now += rooms._RETRY
    await gone(house, activity_id)


async def test_it_stops_whether_it_had_begun_or_not(house: House) -> None:
    await Reaper(house.manager, house.clock).stop()
