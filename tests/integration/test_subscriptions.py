"""Who may subscribe to what, and manages what was made, on both databases; nobody delivers anything yet."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.house import ADA, BOB, House
from tests.integration.telling import CONSUMER, asked, read, topics
from wsrf_activity.manager import Limits
from wsrf_activity.model import ns
from wsrf_activity.model.errors import (
    InitialTerminationTimeRejected,
    NoSuchActivity,
    NoSuchSubscription,
    RenewalRejected,
    SubscribeRefused,
    TopicNotSupported,
    UnsupportedPolicy,
)
from wsrf_activity.model.lifetime import Never
from wsrf_activity.model.subscriptions import Delivery, Expression, Kind, Policy
from wsrf_activity.testing.strategies import NOON

HOUR = timedelta(hours=1)


@pytest.fixture
def limits() -> Limits:
    return Limits(parallel=1, subscriptions=3)


class TestSubscribe:
    async def test_what_follows_is_owed_and_not_what_was(self, house: House) -> None:
        activity_id = await house.running()
        await house.noted(activity_id)
        made = await house.manager.subscriptions.subscribe(ADA, asked(), activity_id)
        assert await read(house.manager.telling, made.id) == []
        house.engine.finish(activity_id)
        await house.wait(activity_id)
        told = await read(house.manager.telling, made.id)
        assert topics(told)[-1] == "StatusChanged/Completed"
        assert [change.logged.sequence for change in told] == list(
            range(told[0].logged.sequence, told[-1].logged.sequence + 1)
        )
        assert told[-1].old is not None
        assert told[-1].new is not None
        assert (told[-1].old.phase, told[-1].new.phase) == ("Executing", "Completed")

    async def test_from_the_beginning(self, house: House) -> None:
        activity_id = await house.running()
        await house.noted(activity_id)
        policy = Policy(from_sequence=1)
        made = await house.manager.subscriptions.subscribe(ADA, asked(policy=policy), activity_id)
        told = await read(house.manager.telling, made.id)
        assert [change.logged.sequence for change in told] == list(range(1, len(told) + 1))
        assert topics(told)[:2] == ["StatusChanged/Queued", "StatusChanged/Executing"]
        later = await house.manager.subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=2)), activity_id)
        assert await read(house.manager.telling, later.id) == told[1:]

    async def test_what_cannot_be(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        activity_id = await house.create()
        with pytest.raises(NoSuchActivity):
            await subscriptions.subscribe(BOB, asked(), activity_id)
        with pytest.raises(SubscribeRefused, match="nobody is called"):
            await subscriptions.subscribe(ADA, asked(consumer=replace(CONSUMER, address="http://refused/")), None)
        with pytest.raises(SubscribeRefused, match="no such pull point"):
            await subscriptions.subscribe(ADA, asked(pull_point="none"), None)
        with pytest.raises(UnsupportedPolicy):
            await subscriptions.subscribe(ADA, asked(policy=Policy(from_sequence=1)), None)
        with pytest.raises(InitialTerminationTimeRejected):
            await subscriptions.subscribe(ADA, asked(lifetime=NOON), None)
        wrong = Expression(Kind.TOPIC, ns.TOPIC_SIMPLE, "act:Nothing", {"act": ns.ACT})
        with pytest.raises(TopicNotSupported):
            await subscriptions.subscribe(ADA, asked(filter=(wrong,)), None)
        made = [await subscriptions.subscribe(ADA, asked(), None) for _ in range(3)]
        with pytest.raises(SubscribeRefused, match="at most 3"):
            await subscriptions.subscribe(ADA, asked(), None)
        await subscriptions.unsubscribe(ADA, made[0].id)
        await subscriptions.subscribe(ADA, asked(), None)


class TestManagement:
    async def test_a_subscription_is_its_owners(self, house: House) -> None:
        subscriptions = house.manager.subscriptions
        filter_ = (Expression(Kind.MESSAGE_CONTENT, ns.XPATH10, "act:Phase", {"act": ns.ACT}),)
        policy = Policy(raw=True, at_most_every=HOUR, secret="s", credentials=("ada", "p"))
        made = await subscriptions.subscribe(ADA, asked(filter=filter_, policy=policy, lifetime=HOUR), None)
        assert made.terminates == NOON + HOUR
        await house.restart()
        subscriptions = house.manager.subscriptions
        assert await subscriptions.get(ADA, made.id) == made
        for action in (subscriptions.get, subscriptions.pause, subscriptions.resume, subscriptions.unsubscribe):
            with pytest.raises(NoSuchSubscription):
                await action(BOB, made.id)
        renewed, now = await subscriptions.renew(ADA, made.id, 2 * HOUR)
        assert (renewed.terminates, now) == (NOON + 2 * HOUR, NOON)
        with pytest.raises(RenewalRejected):
            await subscriptions.renew(ADA, made.id, Never())
        assert (await subscriptions.pause(ADA, made.id)).paused
        assert not (await subscriptions.resume(ADA, made.id)).paused
        assert (await subscriptions.set_termination(ADA, made.id, HOUR))[0].terminates == NOON + HOUR
        house.now += HOUR
        with pytest.raises(NoSuchSubscription):
            await subscriptions.get(ADA, made.id)
        await house.manager.remover.reap(house.now)
        assert await house.manager.telling.subscriptions() == []

    async def test_what_was_given_up_begins_anew(self, house: House) -> None:
        made = await house.manager.subscriptions.subscribe(ADA, asked(), None)
        dead = replace(made, delivery=Delivery.DEAD_LETTER, failures=9, failing_since=NOON, last_error="it is away")
        await house.manager.telling.failed(dead)
        assert await house.manager.subscriptions.get(ADA, made.id) == dead
        resumed = await house.manager.subscriptions.resume(ADA, made.id)
        assert resumed == replace(made, last_error="it is away")
