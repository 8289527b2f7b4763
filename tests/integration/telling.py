"""How tests ask to be told, and read what a subscription is owed as one who delivers does."""

from typing import Any

from tests.integration.house import until
from wsrf_activity.manager.telling import Telling
from wsrf_activity.model import ns
from wsrf_activity.model.events import Change
from wsrf_activity.model.subscriptions import Consumer, SubscribeRequest

CONSUMER = Consumer("http://127.0.0.1:9/told", "<wsa:EndpointReference/>", "1.2", ns.WSA)


def asked(**said: Any) -> SubscribeRequest:
    """Return a request for all that there is to be told to ``CONSUMER``, but for what is said."""
    return SubscribeRequest(**{"consumer": CONSUMER, **said})


async def read(telling: Telling, subscription_id: str) -> list[Change]:
    """Return all that a subscription is owed, and note that it has been told."""
    [subscription] = await telling.subscriptions([subscription_id])
    reader = telling.reader(subscription)
    told: list[Change] = []
    while changes_ := await reader.next(2):
        told += changes_
    if subscription.activity_id is None and told:
        await until(lambda: settled(telling, subscription.owner, told[-1].logged.id))
    await telling.delivered(subscription_id, reader.position, len(told))
    return told


def topics(told: list[Change]) -> list[str]:
    """Return the topics of what was told, without the changes that have none."""
    return [change.logged.event.topic for change in told if change.logged.event.topic]


async def settled(telling: Telling, owner: str, row: int) -> bool:
    """Whether nothing can appear in the log any more up to a row: others on the PostgreSQL may be at it."""
    await telling._settle()
    return telling._owners[owner].settled >= row
