"""What is delivered, to whom, in which form and order, over real sockets."""

import asyncio
import base64
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.notify.conftest import Scene
from tests.unit.notify.twins import subscription, told
from wsrf_activity.model import ns
from wsrf_activity.model.subscriptions import Delivery, Expression, Kind, Policy
from wsrf_activity.notify import sender
from wsrf_activity.notify.sender import signature


async def test_everything_arrives_in_order_and_together(scene: Scene) -> None:
    """Those who come late get what was before in few messages, and each later one as it comes."""
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address))
        for _ in range(250):
            scene.log.tell("a", "ProgressReported")
        deliverer = scene.deliverer()
        await scene.quiet()
        assert [len(told(body)) for body in consumer.bodies] == [100, 100, 50]
        scene.tell(deliverer)
        await scene.quiet()
    assert consumer.accepted == list(range(1, 252))
    assert consumer.connections == 1
    assert scene.log.kept["s"].delivered == 251


async def test_only_who_may_be_interested_is_woken(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("all", consumer.address))
        scene.add(subscription("bound", consumer.address, activity_id="a"))
        scene.add(subscription("other", consumer.address, activity_id="b"))
        scene.add(subscription("ben", consumer.address, owner="ben"))
        deliverer = scene.deliverer()
        await scene.bell.until(lambda: len(scene.log.reads) == 4)
        scene.log.reads.clear()
        scene.tell(deliverer)
        await scene.quiet("all")
        await scene.quiet("bound")
        assert set(scene.log.reads) == {"all", "bound"}
        assert consumer.accepted == [1, 1]
        deliverer.news("a", None)  # whose it is was not known
        await scene.bell.until(lambda: "ben" in scene.log.reads)
        assert "other" not in scene.log.reads


async def test_subscriptions_come_and_go(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        deliverer = scene.deliverer()
        scene.tell(deliverer)
        scene.add(subscription("s", consumer.address, position=1))
        deliverer.changed("s")
        scene.tell(deliverer)
        await scene.quiet()
        del scene.log.kept["s"]
        deliverer.changed("s")
        scene.add(subscription("t", consumer.address, position=2))
        deliverer.changed("t")
        scene.tell(deliverer)
        await scene.quiet("t")
    assert consumer.accepted == [2, 3]


async def test_a_pause_keeps_what_is_owed(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, paused=True))
        over = scene.clock() - timedelta(seconds=1)
        scene.add(subscription("expired", consumer.address, terminates=over))
        deliverer = scene.deliverer()
        scene.tell(deliverer, count=3)
        scene.add(subscription("t", consumer.address, activity_id="b"))
        deliverer.changed("t")
        scene.tell(deliverer, "b")
        await scene.quiet("t")
        assert consumer.accepted == [4]
        scene.log.change("s", lambda old: replace(old, paused=False))
        deliverer.changed("s")
        await scene.quiet()
    assert consumer.accepted == [4, 1, 2, 3, 4]
    assert not scene.log.reads["expired"]


async def test_filters(scene: Scene) -> None:
    """All of a filter has to let a message through; what is not wanted moves the position alone."""
    prefixes = {"act": ns.ACT}
    wanted = (
        Expression(Kind.TOPIC, ns.TOPIC_CONCRETE, "act:StatusChanged", prefixes),
        Expression(Kind.MESSAGE_CONTENT, ns.XPATH10, "/act:Told/@sequence > 2", prefixes),
        Expression(Kind.PRODUCER_PROPERTIES, ns.XPATH10, "//act:Version < 5", prefixes),
    )
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, filter=wanted))
        deliverer = scene.deliverer()
        for number in range(1, 7):
            scene.tell(deliverer, topic="ProgressReported" if number == 3 else "StatusChanged/Executing")
        await scene.quiet()
    assert consumer.accepted == [4]
    assert scene.log.kept["s"].delivered == 1


async def test_latest_only(scene: Scene) -> None:
    """Of each topic of each activity, in the order of the latest."""
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, policy=Policy(latest_only=True)))
        for number in range(1, 401):
            scene.log.tell("ab"[number % 2], "ProgressReported" if number < 399 else "ResultAdded")
        scene.deliverer()
        await scene.quiet()
    assert consumer.accepted == [397, 398, 399, 400]


async def test_at_most_every(scene: Scene) -> None:
    """What comes before the time is sent together, when it has come."""
    async with scene.consumer().listening() as consumer:
        every = timedelta(seconds=0.3)
        scene.add(subscription("s", consumer.address, policy=Policy(at_most_every=every)))
        deliverer = scene.deliverer()
        scene.tell(deliverer)
        await scene.quiet()
        first = scene.clock()
        scene.tell(deliverer, count=3)
        await scene.quiet()
        assert scene.clock() - first > every * 0.8
    assert [told(body) for body in consumer.bodies] == [[1], [2, 3, 4]]


async def test_at_most_once_in_more_years_than_the_calendar_has(scene: Scene) -> None:
    """What was delivered is no failure, however long the rest after it."""
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, policy=Policy(at_most_every=timedelta(days=3_000_000))))
        deliverer = scene.deliverer()
        scene.tell(deliverer)
        await scene.quiet()
        line = deliverer._lines.get("s")
        assert line is not None
        if line.task is not None:
            await asyncio.wait({line.task})
    assert [told(body) for body in consumer.bodies] == [[1]]
    assert scene.log.failures == []


async def test_raw_messages_go_one_by_one(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, policy=Policy(raw=True)))
        scene.tell(scene.deliverer(), count=30)
        await scene.quiet()
    assert all(body.startswith(b"<Raw>") for body in consumer.bodies)
    assert consumer.accepted == list(range(1, 31))


async def test_a_message_has_its_size(scene: Scene) -> None:
    scene.renderer.padding = sender.MAX_BYTES // 4
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address))
        for _ in range(7):
            scene.log.tell("a", "ProgressReported")
        scene.deliverer()
        await scene.quiet()
    assert consumer.accepted == list(range(1, 8))
    assert [len(told(body)) for body in consumer.bodies] == [3, 3, 1]


async def test_a_consumer_is_asked_before_it_is_told(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        consumer.confirms = False
        scene.add(subscription("s", consumer.address, confirmed=False, policy=Policy(verify=True, secret="s")))
        deliverer = scene.deliverer()
        scene.tell(deliverer)
        await scene.bell.until(lambda: scene.log.kept["s"].delivery is Delivery.RETRYING)
        assert "confirm" in (scene.log.kept["s"].last_error or "")
        consumer.confirms = True
        await scene.quiet()
        scene.tell(deliverer)
        await scene.quiet()
    assert scene.log.kept["s"].confirmed
    assert all(body.startswith(b"<Verify>") for body in consumer.bodies[:-2])
    assert consumer.accepted == [1, 2]
    assert all(b"x-wsrf-activity-signature: t=" in head.lower() for head in consumer.heads)


@pytest.mark.parametrize(
    ("credentials", "said"),
    [(("ann", "pÄss"), "Basic " + base64.b64encode("ann:pÄss".encode()).decode()), (("", "t0ken"), "Bearer t0ken")],
)
async def test_a_consumer_knows_who_calls(scene: Scene, credentials: tuple[str, str], said: str) -> None:
    async with scene.consumer().listening() as consumer:
        scene.add(subscription("s", consumer.address, policy=Policy(secret="quiet", credentials=credentials)))
        scene.tell(scene.deliverer())
        await scene.quiet()
    head = consumer.heads[0].decode()
    found = re.search(r"(?im)^x-wsrf-activity-signature: (t=(\d+),sha256=[0-9a-f]{64})\r$", head)
    assert found is not None
    assert found[1] == signature("quiet", int(found[2]), consumer.bodies[0])
    assert f"authorization: {said}".lower() in head.lower()


async def test_pull_points(scene: Scene) -> None:
    """What has no room waits until there is some, also where there is never room for all."""
    scene.log.room = 3
    scene.add(subscription("s", pull_point="p", activity_id="a"))
    deliverer = scene.deliverer()
    scene.tell(deliverer, count=10)
    fetched: list[int] = []

    def full() -> bool:
        return len(scene.log.pulled.get("p", ())) == min(3, 10 - len(fetched))

    while len(fetched) < 10:
        await scene.bell.until(full)
        fetched += [number for content in scene.log.pulled["p"] for number in told(content)]
        scene.log.pulled["p"].clear()
        deliverer.changed("s")
    assert fetched == list(range(1, 11))
    await scene.quiet()
    assert scene.log.kept["s"].delivered == 10


@pytest.mark.parametrize("filtered", [True, False])
async def test_a_subscription_ends_with_its_activity(scene: Scene, filtered: bool) -> None:
    """When it has had the last message, wanted or not; one that is bound to nothing stays."""
    wanted = (Expression(Kind.TOPIC, ns.TOPIC_CONCRETE, "act:ProgressReported", {"act": ns.ACT}),) if filtered else ()
    async with scene.consumer().listening() as consumer:
        consumer.behaviour = "500"
        scene.add(subscription("s", consumer.address, activity_id="a", filter=wanted))
        scene.add(subscription("pulled", activity_id="a", filter=wanted, pull_point="p"))
        scene.add(subscription("all", consumer.address))
        deliverer = scene.deliverer()
        scene.tell(deliverer)
        scene.tell(deliverer, topic="Terminated")
        await scene.bell.until(lambda: bool(scene.log.failures) and "pulled" not in scene.log.kept)
        assert "s" in scene.log.kept
        consumer.behaviour = "ok"
        await scene.bell.until(lambda: "s" not in scene.log.kept)
        await scene.quiet("all")
    assert sorted(consumer.accepted) == ([1, 1, 2] if filtered else [1, 1, 2, 2])
    assert len(scene.log.pulled["p"]) == (1 if filtered else 2)


async def test_thousands_that_are_owed_nothing_have_no_task(scene: Scene) -> None:
    async with scene.consumer().listening() as consumer:
        for number in range(2000):
            scene.add(subscription(str(number), consumer.address, activity_id=str(number)))
        deliverer = scene.deliverer()
        await scene.bell.until(lambda: len(scene.log.reads) == 2000)
        scene.tell(deliverer, "7")
        await scene.quiet("7")
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) < 20
    assert consumer.accepted == [1]
