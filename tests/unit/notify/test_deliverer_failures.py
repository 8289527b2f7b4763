"""Consumers that fail in every way, databases and servers that go away: nothing is lost, and nobody else waits."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from tests.unit.notify.conftest import QUICK, Scene
from tests.unit.notify.consumers import Behaviour
from tests.unit.notify.twins import subscription
from wsrf_activity.model import ns
from wsrf_activity.model.subscriptions import Delivery, Expression, Kind
from wsrf_activity.notify.backoff import MAX_ERROR, Backoff
from wsrf_activity.notify.deliverer import Deliverer
from wsrf_activity.notify.lanes import Lane

SLOWLY = Backoff(timedelta(hours=1), timedelta(hours=1))


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("500", "the consumer answered 500"),
        ("redirect", "the consumer answered 307"),
        ("hang", "no answer in 0.3 s"),
        ("half", "the consumer closed the connection, or did not answer in HTTP"),
        ("garbage", "the consumer closed the connection, or did not answer in HTTP"),
        ("closed", "the consumer closed the connection, or did not answer in HTTP"),
    ],
)
async def test_failures_are_told_and_mended(scene: Scene, behaviour: Behaviour, error: str) -> None:
    async with scene.consumer().listening() as consumer:
        consumer.behaviour = behaviour
        scene.add(subscription("s", consumer.address))
        deliverer = scene.deliverer(within=0.3)
        scene.tell(deliverer, count=3)
        await scene.bell.until(lambda: scene.log.kept["s"].failures >= 2)
        failing = scene.log.kept["s"]
        assert (failing.delivery, failing.last_error, failing.position) == (Delivery.RETRYING, error, 0)
        consumer.behaviour = "ok"
        await scene.quiet()
    assert consumer.accepted == [1, 2, 3]
    well = scene.log.kept["s"]
    assert (well.delivery, well.failures, well.failing_since, well.next_try) == (Delivery.ACTIVE, 0, None, None)


async def test_who_comes_late_is_told(scene: Scene) -> None:
    consumer = scene.consumer()
    async with consumer.listening():
        pass
    scene.add(subscription("s", consumer.address))
    scene.tell(scene.deliverer(), count=3)
    await scene.bell.until(lambda: scene.log.kept["s"].failures > 0)
    assert scene.log.kept["s"].last_error == "the consumer cannot be connected to"
    async with consumer.listening(consumer.port):
        await scene.quiet()
    assert consumer.accepted == [1, 2, 3]


async def test_what_may_not_be_called_any_more(scene: Scene) -> None:
    scene.add(subscription("s", "http://8.8.8.8/"))
    scene.tell(scene.deliverer())
    await scene.bell.until(lambda: scene.log.kept["s"].failures > 0)
    assert "callbacks" in (scene.log.kept["s"].last_error or "")


async def test_given_up_and_resumed(scene: Scene) -> None:
    """News do not wake what was given up; resuming goes on where it stopped."""
    async with scene.consumer().listening() as consumer:
        consumer.behaviour = "500"
        scene.add(subscription("s", consumer.address))
        deliverer = scene.deliverer(QUICK)
        scene.tell(deliverer)
        await scene.bell.until(lambda: scene.log.kept["s"].failures > 0)
        scene.clock.ahead = QUICK.give_up
        await scene.bell.until(lambda: scene.log.kept["s"].delivery is Delivery.DEAD_LETTER)
        assert scene.log.kept["s"].next_try is None
        consumer.behaviour = "ok"
        scene.tell(deliverer)
        scene.add(subscription("t", consumer.address, position=1))
        deliverer.changed("t")
        await scene.quiet("t")
        assert consumer.accepted == [2]
        active = {"delivery": Delivery.ACTIVE, "failures": 0, "failing_since": None}
        scene.log.change("s", lambda old: replace(old, **active))  # type: ignore[arg-type]  # each is of its type
        deliverer.changed("s")
        await scene.quiet()
    assert consumer.accepted == [2, 1, 2]


async def test_the_next_try_outlives_the_server(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        later = scene.clock() + timedelta(seconds=0.3)
        failing = {"delivery": Delivery.RETRYING, "failures": 5, "next_try": later}
        scene.add(subscription("s", consumer.address, failing_since=scene.clock(), **failing))
        scene.log.tell("a", "ProgressReported")
        scene.deliverer()
        await scene.quiet()
        assert scene.clock() >= later
    assert consumer.accepted == [1]


@pytest.mark.parametrize("pull_point", [None, "p"])
async def test_the_database_goes_away(scene: Scene, pull_point: str | None) -> None:
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, pull_point=pull_point))
        deliverer = scene.deliverer()
        for _ in range(4):
            scene.tell(deliverer, count=3)
            scene.log.away = True
            for _ in range(30):
                await scene.log.bell.until(lambda: True)
                await asyncio.sleep(0)
            scene.log.away = False
            await scene.quiet()
    if pull_point is None:
        assert consumer.accepted == list(range(1, 13))
    assert scene.log.kept["s"].delivered == 12


async def test_a_log_that_settles_later(scene: Scene) -> None:
    """Nothing is sent again because of it, also after a failure; the position follows, without any news."""
    scene.log.settled = 1
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address))
        deliverer = scene.deliverer()
        scene.tell(deliverer, count=3)
        await scene.bell.until(lambda: len(consumer.accepted) == 3)
        consumer.behaviour = "500"
        scene.tell(deliverer)
        await scene.bell.until(lambda: bool(scene.log.failures))
        consumer.behaviour = "ok"
        await scene.bell.until(lambda: scene.log.kept["s"].delivered == 4)
        assert scene.log.kept["s"].position == 1
        scene.log.settled = 4
        await scene.quiet()
    assert consumer.accepted == [1, 2, 3, 4]


async def test_a_log_of_nothing_that_is_wanted_settles_later(scene: Scene) -> None:
    """The position follows all the same, so that the log of what is gone is kept for nobody."""
    scene.log.settled = 1
    never = Expression(Kind.MESSAGE_CONTENT, ns.XPATH10, "false()")
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, filter=(never,)))
        deliverer = scene.deliverer()
        scene.tell(deliverer, count=3)
        await scene.bell.until(lambda: scene.log.kept["s"].position == 1)
        scene.log.settled = 3
        await scene.bell.until(lambda: scene.log.kept["s"].position == 3)
    assert consumer.bodies == []


async def test_who_is_slow_takes_no_place_of_those_who_are_not(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is quick again: hundreds that answer after half a minute each time would hold up everybody."""
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address))
        deliverer = scene.deliverer()
        for slow, lane in ((0.0, Lane.FAILING), (60.0, Lane.HEALTHY)):
            monkeypatch.setattr("wsrf_activity.notify.deliverer.SLOW", slow)
            scene.tell(deliverer)
            await scene.quiet()
            line = deliverer._lines.get("s")
            assert line is not None
            assert line.lane is lane


async def test_nobody_waits_for_somebody_else(scene: Scene) -> None:
    """Not even where there are fewer places than consumers that hang, and one subscription fails at the same host."""
    async with AsyncExitStack() as stack:
        hanging = [await stack.enter_async_context(scene.consumer().listening()) for _ in range(2)]
        healthy = await stack.enter_async_context(scene.consumer().listening())
        for number in range(20):
            hanging[number % 2].behaviour = "hang"
            scene.add(subscription(f"h{number}", hanging[number % 2].address))
        scene.add(subscription("s", healthy.address))
        deliverer = scene.deliverer(within=60, widths={Lane.HEALTHY: 17, Lane.FAILING: 2, Lane.LOCAL: 1})
        scene.tell(deliverer)
        await scene.bell.until(lambda: sum(len(each.bodies) for each in hanging) == 16)
        for count in range(2, 6):
            scene.tell(deliverer)
            await scene.quiet()
            assert len(healthy.accepted) == count
        assert [len(each.bodies) for each in hanging] == [8, 8]


async def test_letting_go(scene: Scene) -> None:
    """A server that stops waits for nobody; the next sends what was not acknowledged."""
    async with scene.consumer().listening() as consumer:
        consumer.behaviour = "hang"
        scene.add(subscription("s", consumer.address))
        first = scene.deliverer(within=60)
        scene.tell(first)
        await scene.bell.until(lambda: bool(consumer.bodies))
        async with asyncio.timeout(5):
            await first.stop()
        consumer.behaviour = "ok"
        scene.deliverer()
        await scene.quiet()
    assert consumer.accepted == [1]
    assert not scene.log.failures


async def test_what_is_being_sent_may_end(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        consumer.behaviour = "slow"
        scene.add(subscription("s", consumer.address))
        first = scene.deliverer()
        scene.tell(first)
        await scene.bell.until(lambda: bool(consumer.bodies))
        await first.stop()
        assert scene.log.kept["s"].position == 1


async def test_who_does_not_lead_delivers_nothing(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address))
        first, second = scene.deliverer(), scene.deliverer()
        first.lead(False)
        scene.tell(first)
        scene.tell(second)
        await scene.quiet()
        second.lead(False)
        first.lead(True)
        scene.tell(second)
        await scene.quiet()
    assert consumer.accepted == [1, 2, 3]


async def test_a_message_that_cannot_be_written(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure like any other, which says where to look."""
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address))
        deliverer = scene.deliverer()
        with monkeypatch.context() as broken:
            broken.setattr(scene.renderer, "notify", None)
            scene.tell(deliverer)
            await scene.bell.until(lambda: bool(scene.log.failures))
        assert "log" in (scene.log.failures[0].last_error or "")
        await scene.quiet()
    assert consumer.accepted == [1]


def test_backoff() -> None:
    """Pauses double up to the longest, and are never all the same."""
    backoff = Backoff()
    for failures in (1, 2, 5, 10, 11, 100, 10**6):
        longest = min(2 ** min(failures - 1, 20), 600)
        pauses = [backoff.pause(failures).total_seconds() for _ in range(50)]
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
    failed = backoff.failed(subscription("s"), subscription("t").created, "x" * 9999)
    assert len(failed.last_error or "") == MAX_ERROR


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens(scene: Scene, seed: int) -> None:
    """Consumers, the database and the leading server change their minds; who came back has everything, in order."""
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        consumers = [await stack.enter_async_context(scene.consumer().listening()) for _ in range(4)]
        for number, consumer in enumerate(consumers):
            scene.add(subscription(f"s{number}", consumer.address))
        servers = [scene.deliverer(within=0.2), scene.deliverer(within=0.2)]
        servers[1].lead(False)
        for _ in range(100):
            consumers[chance.randrange(4)].behaviour = chance.choice(get_args(Behaviour))
            happens(scene, servers, chance)
            tell_all(scene, servers, chance.choice("abc"), chance.randrange(5))
            await asyncio.sleep(chance.choice((0, 0.005, 0.02, 0.05)))
        scene.log.away = False
        for number, consumer in enumerate(consumers):
            consumer.behaviour = "ok"
            pause(scene, servers, f"s{number}", False)
        for number, consumer in enumerate(consumers):
            await scene.quiet(f"s{number}")
            assert_whole(consumer.accepted, len(scene.log.rows))


def happens(scene: Scene, servers: list[Deliverer], chance: random.Random) -> None:
    """Let one thing happen, or nothing."""
    what = chance.random()
    if what < 0.3:
        pause(scene, servers, f"s{chance.randrange(4)}", chance.random() < 0.5)
    elif what < 0.4:
        leader = chance.randrange(2)
        servers[1 - leader].lead(False)
        servers[leader].lead(True)
    elif what < 0.5:
        scene.log.away = not scene.log.away


def pause(scene: Scene, servers: list[Deliverer], subscription_id: str, paused: bool) -> None:
    """Pause or resume a subscription."""
    scene.log.change(subscription_id, lambda old: replace(old, paused=paused))
    for server in servers:
        server.changed(subscription_id)


def tell_all(scene: Scene, servers: list[Deliverer], activity_id: str, count: int) -> None:
    """Commit events, and say so to all servers."""
    for _ in range(count):
        scene.log.tell(activity_id, "ProgressReported")
    for server in servers:
        server.news(activity_id, "ann")


def assert_whole(accepted: list[int], last: int) -> None:
    """Each event came at least once, and none before all that were before it."""
    most = 0
    for event in accepted:
        assert event <= most + 1
        most = max(most, event)
    assert most == last
