"""Several servers on one PostgreSQL: each sees at once what another has done."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests import databases
from tests.integration.house import ADA, House, until
from tests.unit.model.strategies import NOON
from wsrf_activity.manager import Condition
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import NoSuchActivity
from wsrf_activity.model.phases import Phase
from wsrf_activity.reaper import Reaper
from wsrf_activity.store.notices import Notice, payloads, read_payload

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture
def url(postgresql: databases.Cluster) -> AsyncIterator[str]:  # type: ignore[misc]  # a plain generator serves as well
    with postgresql.database() as name:
        yield name


@pytest.fixture
async def pair(url: str, tmp_path: Path) -> AsyncIterator[tuple[House, House]]:
    """Two servers: the first one accepts only, the second one works."""
    first, second = (House(url, tmp_path / "data") for _ in range(2))
    await first.open()
    first.manager._runner._parallel = 0
    await second.open()
    yield first, second
    await first.close()
    await second.close()


def waiting(house: House, activity_id: str, condition: Condition) -> "asyncio.Task[tuple[Activity, bool]]":
    return asyncio.create_task(house.manager.wait(ADA, activity_id, condition, None))


async def noted(house: House, activity_id: str) -> bool:
    """Whether the record says how the engine calls its work: the last change until the work says something."""
    return (await house.get(activity_id)).engine_job is not None


async def stands(house: House, activity_id: str) -> None:
    """Return when somebody waits there who has read the activity."""
    await until(lambda: activity_id in house.manager._waiters.awaited())
    await house.get(activity_id)


async def test_a_wait_sees_what_another_server_does(pair: tuple[House, House]) -> None:
    accepts, works = pair
    activity_id = await accepts.create()
    await works.begun(activity_id)  # it was woken by what another had accepted
    wait = waiting(accepts, activity_id, Condition())
    await until(lambda: noted(works, activity_id))
    known = await accepts.get(activity_id)
    change = waiting(accepts, activity_id, Condition(frozenset(), change=True, since_version=known.version))
    await stands(accepts, activity_id)
    await works.manager.ledger.change(activity_id, lambda old, now: changes.warn(old, now, "so far"))
    changed, timed_out = await change
    assert ([error.description for error in changed.errors], timed_out) == (["so far"], False)
    works.engine.finish(activity_id)
    assert (await wait)[0].phase is Phase.COMPLETED
    assert (await accepts.get(activity_id)).phase is Phase.COMPLETED


async def test_a_wait_hears_that_its_activity_is_gone(pair: tuple[House, House]) -> None:
    accepts, works = pair
    activity_id = await works.running()
    wait = waiting(accepts, activity_id, Condition())
    await stands(accepts, activity_id)
    await works.manager.destroy(ADA, activity_id)
    with pytest.raises(NoSuchActivity):
        await wait


async def test_the_reaper_hears_of_termination_times(pair: tuple[House, House]) -> None:
    accepts, works = pair
    reaper = Reaper(works.manager, works.clock)
    await reaper.start()
    try:
        await accepts.create(lifetime=HOUR)
        await until(lambda: reaper._deadline == NOON + HOUR)
    finally:
        await reaper.stop()


async def test_after_a_lost_connection_all_look_anew(
    pair: tuple[House, House], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepts, works = pair
    activity_id = await works.running()
    wait = waiting(accepts, activity_id, Condition())
    await stands(accepts, activity_id)
    heard = accepts.manager._hearing.hear
    accepts.database._listener._heard = lambda notices: heard(notices) if notices is None else None  # type: ignore[attr-defined]  # of PostgreSQL's only
    works.engine.finish(activity_id)
    await works.wait(activity_id)
    assert not wait.done()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        killed = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        ).fetchall()
    assert len(killed) == 2
    assert (await wait)[0].phase is Phase.COMPLETED


async def test_two_servers_share_a_queue(pair: tuple[House, House]) -> None:
    """What one looks at is locked against the other, which must not take that for an empty queue."""
    accepts, works = pair
    made = [await accepts.create() for _ in range(12)]
    await until(lambda: len(works.engine.asked) == works.limits.parallel)
    accepts.manager._runner._parallel = 2
    accepts.manager._runner.wake()

    def asked() -> list[str]:
        """End what has begun, so that there is room for more, and return all that has."""
        for house in pair:
            for (activity_id, _), run in house.engine.runs.items():
                if not run.over.done():
                    house.engine.finish(activity_id)
        return [activity_id for house in pair for activity_id, _ in house.engine.asked]

    await until(lambda: len(asked()) == len(made))
    for activity_id in made:
        await works.wait(activity_id)
    assert sorted(asked()) == sorted(made)


def test_notices_as_text() -> None:
    said = [Notice("a" * 26, 3, True, NOON), Notice("b"), Notice(queued=True), Notice(deadline=NOON)]
    [text] = payloads("me", [*said, *said])
    assert read_payload(text) == ("me", said)
    many = [Notice("x" * 64, number, False, NOON) for number in range(1000)]
    texts = list(payloads("me", many))
    assert max(map(len, texts)) < 8000
    assert [notice for each in texts for notice in read_payload(each)[1]] == many
