"""Several servers on one PostgreSQL: each sees at once what another has done, and all work has one holder."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from tests import databases
from tests.integration.house import ADA, PATIENCE, House, until
from tests.integration.statements import connection
from tests.integration.telling import CONSUMER
from wsrf_activity.manager import Condition, Limits
from wsrf_activity.manager.ledger import FenceLost
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity
from wsrf_activity.model.changes import modified
from wsrf_activity.model.errors import NoSuchActivity, Unavailable
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.subscriptions import SubscribeRequest
from wsrf_activity.reaper import Reaper
from wsrf_activity.store.notices import Notice, payloads, read_payload
from wsrf_activity.testing.strategies import NOON

HOUR = timedelta(hours=1)
#: So long that no lease is renewed, runs out, or is found to have run out, but where a test says so.
WORKS = Limits(parallel=2, wait=PATIENCE, lease=HOUR)
ACCEPTS_ONLY = replace(WORKS, parallel=0)


@pytest.fixture
def url(postgresql: databases.Cluster) -> AsyncIterator[str]:  # type: ignore[misc]  # a plain generator serves as well
    with postgresql.database() as name:
        yield name


@pytest.fixture
async def pair(url: str, tmp_path: Path) -> AsyncIterator[tuple[House, House]]:
    """Two servers: the first one accepts only, the second one works."""
    first, second = House(url, tmp_path / "data", limits=ACCEPTS_ONLY), House(url, tmp_path / "data", limits=WORKS)
    await first.open()
    await second.open()
    yield first, second
    await first.close()
    await second.close()


def waiting(house: House, activity_id: str, condition: Condition) -> "asyncio.Task[tuple[Activity, bool]]":
    return asyncio.create_task(house.manager.wait(ADA, activity_id, condition, None))


async def test_a_wait_sees_what_another_server_does(pair: tuple[House, House]) -> None:
    accepts, works = pair
    activity_id = await accepts.create()
    await works.begun(activity_id)  # it was woken by what another had accepted
    wait = waiting(accepts, activity_id, Condition())
    await works.noted(activity_id)
    known = await accepts.get(activity_id)
    change = waiting(accepts, activity_id, Condition(frozenset(), change=True, since_version=known.version))
    await accepts.stand(activity_id, 2)
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
    await accepts.stand(activity_id)
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


async def test_after_a_lost_connection_all_look_anew(pair: tuple[House, House], url: str) -> None:
    accepts, works = pair
    heard = accepts.manager._hearing.hear
    # From the beginning: one who has heard of the start might read what it changed only when the end is there.
    accepts.database._listener._heard = lambda notices: heard(notices) if notices is None else None  # type: ignore[attr-defined]  # of PostgreSQL's only
    activity_id = await works.running()
    wait = waiting(accepts, activity_id, Condition())
    await accepts.stand(activity_id)
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


class Heard:
    """What whoever delivers is told."""

    def __init__(self) -> None:
        self.leads: list[bool] = []
        self.subscriptions: set[str] = set()
        self.activities: set[str] = set()

    def lead(self, leads: bool) -> None:
        self.leads.append(leads)

    def changed(self, subscription_id: str) -> None:
        self.subscriptions.add(subscription_id)

    def news(self, activity_id: str, owner: str | None) -> None:
        self.activities.add(activity_id)


async def test_one_of_several_servers_delivers(pair: tuple[House, House]) -> None:
    """It hears what the others do; when it is dead another one delivers, and it no more when it is back."""
    leader, other = sorted(pair, key=lambda house: not house.manager._news._leads)
    assert [house.manager._news._leads for house in (leader, other)] == [True, False]
    heard, heir = Heard(), Heard()
    leader.manager._news.teller, other.manager._news.teller = heard, heir
    made = await other.manager.subscriptions.subscribe(ADA, SubscribeRequest(consumer=CONSUMER), None)
    activity_id = await other.create()
    await until(lambda: made.id in heard.subscriptions and activity_id in heard.activities)
    assert heir.activities == set()
    await other.manager._membership._lead()
    assert heir.leads == []
    await pause(leader)
    await other.manager._membership._lead()
    assert heir.leads == [True]
    await leader.manager._membership._beat()
    await leader.manager._membership._lead()
    assert heard.leads == [False]


async def test_what_may_have_been_committed_is_looked_for(pair: tuple[House, House]) -> None:
    """The database may have committed and nobody heard its answer: then nobody here would tell of it."""
    accepts, _ = pair
    engine = accepts.database._engine  # type: ignore[attr-defined]  # of PostgreSQL's only
    looked: list[None] = []
    look = accepts.manager._news.of_anything
    accepts.manager._news.of_anything = lambda: looked.append(look())  # type: ignore[method-assign]  # only seen
    made = await accepts.create()

    def commit_unheard(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.commit()
        raise OperationalError("COMMIT", None, Exception("the connection is lost"))

    event.listen(engine, "commit", commit_unheard, once=True)
    with pytest.raises(Unavailable):
        await accepts.manager.ledger.change(made, partial(changes.warn, message="committed"))
    await until(lambda: bool(looked))
    assert (await accepts.get(made)).errors[-1].description == "committed"


async def test_two_servers_share_a_queue(pair: tuple[House, House]) -> None:
    """What one looks at is locked against the other, which must not take that for an empty queue."""
    accepts, works = pair
    made = [await accepts.create() for _ in range(12)]
    await until(lambda: len(works.engine.asked) == works.limits.parallel)
    accepts.manager._runner._slots.parallel = 2
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


class TestLeases:
    """Each piece of work is held by one server, and by another one when that is dead."""

    async def test_work_elsewhere_is_ended_by_who_holds_it(self, pair: tuple[House, House]) -> None:
        accepts, works = pair
        aborted, destroyed = await works.running(), await works.running()
        wait = waiting(accepts, destroyed, Condition())
        await accepts.stand(destroyed)
        ended = await accepts.manager.abort(ADA, aborted, "enough")
        assert (ended.phase, [error.description for error in ended.errors]) == (Phase.ABORTED, ["enough"])
        await accepts.manager.destroy(ADA, destroyed)
        with pytest.raises(NoSuchActivity):
            await wait
        assert [works.engine.runs[each, 1].aborted for each in (aborted, destroyed)] == [True, True]
        limited = await works.running()
        await accepts.manager.modify(ADA, limited, lambda old: modified(old, replace(old, work_limit=HOUR)))
        await until(lambda: works.engine.runs[limited, 1].limit == HOUR)

    async def test_the_reaper_leaves_to_others_what_they_execute(self, pair: tuple[House, House]) -> None:
        accepts, works = pair
        activity_id = await works.running(lifetime=HOUR)
        accepts.now = works.now = NOON + 2 * HOUR
        assert await accepts.manager.remover.reap(accepts.now) == 0
        assert not works.engine.runs[activity_id, 1].aborted
        assert await works.manager.remover.reap(works.now) == 1

    async def test_a_living_server_keeps_its_work(self, pair: tuple[House, House]) -> None:
        accepts, works = pair
        activity_id = await works.running()
        await accepts.manager._membership._take_over()
        await accepts.restart()
        assert (accepts.held(activity_id), works.held(activity_id)) == (False, True)
        works.engine.finish(activity_id)
        assert (await accepts.wait(activity_id)).phase is Phase.COMPLETED

    async def test_a_paused_server_loses_its_work_and_lets_go_of_it(self, pair: tuple[House, House]) -> None:
        successor, paused = pair
        successor.engine = paused.engine
        await successor.restart()
        activity_id = await paused.running()
        stale = paused.manager._runner._attempts[activity_id]
        await pause(paused)
        await successor.manager._membership._take_over()
        await until(lambda: successor.held(activity_id))
        queued = await successor.create()
        late = partial(changes.warn, message="late")
        with pytest.raises(FenceLost):
            await paused.manager.ledger.change(activity_id, late, fence=stale.activity.fence)
        with pytest.raises(Unavailable):
            await paused.manager._runner._claims.claim(1, Counter())
        await paused.manager._membership._beat()
        assert not paused.held(activity_id)
        await paused.begun(queued)  # it works again
        paused.engine.finish(activity_id)
        assert (await successor.wait(activity_id)).phase is Phase.COMPLETED
        assert (await successor.get(activity_id)).attempt == 1

    async def test_who_comes_back_before_anybody_noticed_goes_on(self, pair: tuple[House, House]) -> None:
        _, paused = pair
        activity_id = await paused.running()
        await pause(paused)
        paused.engine.finish(activity_id)
        await asyncio.sleep(0)
        assert (await paused.get(activity_id)).phase is Phase.EXECUTING  # nothing is reported without a lease
        await paused.manager._membership._beat()
        assert (await paused.wait(activity_id)).phase is Phase.COMPLETED

    async def test_one_of_two_takes_over(self, pair: tuple[House, House], url: str, tmp_path: Path) -> None:
        first, paused = pair
        third = House(url, tmp_path / "data", limits=ACCEPTS_ONLY)
        third.engine = first.engine = paused.engine
        await first.restart()
        await third.open()
        made = [await paused.running() for _ in range(2)]
        await pause(paused)
        await asyncio.gather(*(house.manager._membership._take_over() for house in (first, third)))
        assert [first.manager._runner.holds(each) != third.manager._runner.holds(each) for each in made] == [True, True]
        await third.close()

    async def test_work_of_another_machine_waits_for_it(self, pair: tuple[House, House]) -> None:
        successor, dead = pair
        activity_id = await dead.running()
        await pause(dead, host="'elsewhere'")
        successor.engine.within_reach = lambda job: False  # type: ignore[method-assign]  # as on another machine
        await successor.manager._membership._take_over()
        assert not successor.manager._runner.holds(activity_id)
        await pause(dead, until="until - 600 * 1000000")
        await successor.manager._membership._take_over()
        await until(lambda: successor.manager._runner.holds(activity_id))

    async def test_another_folder_is_refused(self, pair: tuple[House, House], tmp_path: Path) -> None:
        stranger = House(pair[0].url, tmp_path / "elsewhere")
        with pytest.raises(Unavailable, match="same one"):
            await stranger.open()
        await stranger.close()


async def pause(house: House, **values: str) -> None:
    """Have it be as if a server had been stopped for longer than its lease, and in the middle of nothing."""
    for activity_id in house.manager._runner.held():
        await house.noted(activity_id)
    lease = house.manager._lease
    assert house.manager._membership._task is not None
    house.manager._membership._task.cancel()
    said = {"until": "until - 3610::bigint * 1000000", **values}
    assigned = ", ".join(f"{name} = {value}" for name, value in said.items())
    statement = f"UPDATE server SET {assigned} WHERE id = '{lease.id}'"
    await house.database.change(lambda records: connection(records).exec_driver_sql(statement))
    lease._until = 0.0


def test_notices_as_text() -> None:
    said = [Notice("a" * 26, 3, True, NOON), Notice("b"), Notice(queued=True), Notice(deadline=NOON)]
    said += [Notice(subscription="s"), Notice(subscription="s", deadline=NOON), Notice(pull_point="p")]
    [text] = payloads("me", [*said, *said])
    assert read_payload(text) == ("me", said)
    many = [Notice("x" * 64, number, False, NOON) for number in range(1000)]
    texts = list(payloads("me", many))
    assert max(map(len, texts)) < 8000
    assert [notice for each in texts for notice in read_payload(each)[1]] == many
