"""Families on two servers at once: what ends at the same moment is counted once each, and nobody is left waiting."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests import databases
from tests.integration.house import ADA, House
from tests.integration.kinship import SERVICES, spawned
from tests.integration.test_servers import ACCEPTS_ONLY
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Members
from wsrf_activity.model.phases import Phase
from wsrf_activity.store import Records

COUNT = 24


@pytest.fixture
async def pair(postgresql: databases.Cluster, tmp_path: Path) -> AsyncIterator[tuple[House, House]]:
    """Two servers that accept, and run only what a test says."""
    with postgresql.database() as url:
        pair = House(url, tmp_path / "data", limits=ACCEPTS_ONLY), House(url, tmp_path / "data", limits=ACCEPTS_ONLY)
        for house in pair:
            house.services.update(SERVICES)
            await house.open()
        yield pair
        for house in pair:
            await house.close()


async def begun_set(house: House) -> tuple[str, list[str]]:
    """Make a set whose members all execute, nobody here knows where."""
    parent = await house.create(command=None, service="times", parameters={"n": (str(COUNT),)})
    members = [each.id for each in await house.manager.members(ADA, parent)]
    for each in members:
        await house.manager.ledger.change(each, changes.begin)
    return parent, members


def ends(records: Records, activity_id: str) -> list[str]:
    """Return the ends that the log tells of."""
    logged = records.subscriptions.of_activity(activity_id, 0, 1000)
    topics = [each.event.topic for each in logged if each.event.topic.startswith("StatusChanged/")]
    return [topic for topic in topics if Phase(topic.partition("/")[2]).ended]


async def test_members_that_end_at_once_end_their_set_once(pair: tuple[House, House]) -> None:
    parent, members = await begun_set(pair[0])
    wait = asyncio.create_task(pair[0].wait(parent))
    step = partial(changes.end, phase=Phase.COMPLETED)
    await asyncio.gather(
        *(
            pair[number % 2].manager.ledger.change(each, lambda old, now: step(old, now=now))
            for number, each in enumerate(members)
        )
    )
    over = await wait
    assert (over.phase, over.members) == (Phase.COMPLETED, Members(COUNT, COUNT))
    assert await pair[0].database.read(partial(ends, activity_id=parent)) == ["StatusChanged/Completed"]


async def test_a_set_that_ends_elsewhere_holds_up_nothing_else_that_has_expired(pair: tuple[House, House]) -> None:
    """The server that runs its members may be away."""
    house, elsewhere = pair
    lifetime = timedelta(hours=1)
    parent = await house.create(command=None, service="times", parameters={"n": ("3",)}, lifetime=lifetime)
    members = [each.id for each in await house.manager.members(ADA, parent)]
    for each in members:
        await house.manager.ledger.change(each, lambda old, now: changes.begin(old, now, "away"))
    await house.create(lifetime=lifetime)
    house.now = elsewhere.now = house.now + lifetime
    assert await asyncio.wait_for(house.manager.remover.reap(house.now), 20) == 1
    left = await house.database.read(lambda records: records.get_many([parent, *members]))
    assert len(left) == 4
    assert all(each.ending for each in left.values())
    assert await house.manager.remover.next_deadline() is None
    for each in members:
        await elsewhere.manager.ledger.change(each, lambda old, now: changes.abort(old, now, "back"))
    assert await house.manager.remover.reap(house.now) == 4
    assert not await house.database.read(lambda records: records.get_many([parent, *members]))


async def test_an_abort_between_ends_finds_everybody_once(pair: tuple[House, House]) -> None:
    """It locks in the order in which they end; where they meet nevertheless one of them begins anew."""
    parent, members = await begun_set(pair[0])
    step = partial(changes.end, phase=Phase.COMPLETED)

    async def end(house: House, activity_id: str) -> None:
        await house.manager.ledger.change(activity_id, lambda old, now: old if old.phase.ended else step(old, now=now))

    def ask(number: int) -> "asyncio.Task[object]":
        ledger = pair[number % 2].manager.ledger
        return asyncio.create_task(ledger.change(parent, lambda old, now: asked(old)))

    def asked(old: Activity) -> Activity:
        return old if old.phase.ended else changes.ask_end(old, "enough")

    first = [asyncio.create_task(end(pair[number % 2], each)) for number, each in enumerate(members[: COUNT // 2])]
    asks = [ask(number) for number in range(2)]
    rest = [asyncio.create_task(end(pair[number % 2], each)) for number, each in enumerate(members[COUNT // 2 :])]
    await asyncio.gather(*first, *asks, *rest)
    over = await pair[0].get(parent)
    assert over.phase.ended
    assert over.members is not None
    assert over.members.ended == over.members.total == COUNT
    assert len(await pair[0].database.read(partial(ends, activity_id=parent))) == 1


async def test_what_comes_after_many_is_released_once(pair: tuple[House, House]) -> None:
    one, two = pair
    two.manager._runner._slots.parallel = 99
    parent = await two.create(command=None, service="one")
    two.manager._runner.wake()
    await two.begun(parent)
    await two.allow(0)
    first = [await spawned(two, parent, "one") for _ in range(8)]
    last = await spawned(two, parent, "one", after=first)
    for each in first:
        await one.manager.ledger.change(each, changes.begin)
    step = partial(changes.end, phase=Phase.COMPLETED)
    await asyncio.gather(
        *(
            pair[number % 2].manager.ledger.change(each, lambda old, now: step(old, now=now))
            for number, each in enumerate(first)
        )
    )
    released = await one.get(last)
    assert (released.phase, released.version) == (Phase.QUEUED, 2)
    two.manager._runner._slots.parallel = 99
    two.manager._runner.wake()
    await two.begun(last)
    two.engine.finish(last)
    two.engine.finish(parent)
    over = await one.wait(parent)
    assert (over.phase, over.members) == (Phase.COMPLETED, Members(9, 9))
