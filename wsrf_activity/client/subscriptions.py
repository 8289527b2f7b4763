"""Subscriptions as coroutines: made, looked at, renewed, paused, resumed and ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar, Unpack

from lxml import etree

from wsrf_activity.client import written
from wsrf_activity.client.errors import ResourceUnknown
from wsrf_activity.client.exchange import Exchange
from wsrf_activity.client.references import Reference
from wsrf_activity.client.values import needed, value
from wsrf_activity.client.written import Subscribing, Written
from wsrf_activity.model import ns
from wsrf_activity.model.addresses import read_resource
from wsrf_activity.model.lifetime import Requested, parse_time
from wsrf_activity.model.subscriptions import Delivery

T = TypeVar("T")


class Consumes(Protocol):
    """A consumer of this process: what messages are sent to, and what they are signed with."""

    @property
    def address(self) -> str: ...
    @property
    def secret(self) -> str | None: ...


#: Who is to be told: a consumer of this process, or the address or the endpoint reference of one elsewhere.
Whom = Consumes | Reference | str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionProperties:
    """How a subscription stands. Times are aware."""

    id: str | None
    activity_id: str | None  #: None is all of the owner's
    consumer: Reference
    paused: bool
    delivery: Delivery
    failures: int  #: deliveries that failed since the last that went well
    last_error: str | None
    next_try: datetime | None
    delivered: int  #: messages, all in all
    confirmed: bool  #: False until the consumer has confirmed, where that was asked for
    created: datetime | None
    terminates: datetime | None  #: None is never
    xml: etree._Element  #: the document itself, with the filter and the policy


class Subscription:
    """What was asked to be told. It lives on the server, and outlives this program."""

    def __init__(self, exchange: Exchange, reference: Reference, terminates: datetime | None = None) -> None:
        """Take it from ``subscribe``, or by its endpoint reference or address from `Service.subscription`."""
        self.reference = reference
        self.terminates = terminates  #: as it was when it was made or renewed; None is never
        self._exchange = exchange

    def __str__(self) -> str:
        return self.reference.xml

    def __repr__(self) -> str:
        return f"<Subscription {self.address}>"

    @property
    def id(self) -> str | None:
        """Its id; None for one of a server of another kind."""
        found = read_resource(self.reference.address)
        return found[1] if found else None

    @property
    def address(self) -> str:
        """Where it is."""
        return self._exchange.where.current(self.reference.address)

    @property
    async def properties(self) -> SubscriptionProperties:
        """All that the server says of it. Raises ResourceUnknown where it has ended."""
        return await self._ask(written.document(), lambda response: _read_properties(response[0]))

    async def renew(self, lifetime: Requested) -> datetime | None:
        """Change when it ends: a timedelta from now, an aware datetime, or NEVER where it may be. Return when that is.

        Delivery that was given up is begun again. Raises RenewalRejected, ResourceUnknown.
        """
        self.terminates = await self._ask(written.renew(lifetime), _termination)
        return self.terminates

    async def pause(self) -> None:
        """Have nothing delivered until `resume`; what happens meanwhile is kept. Raises ResourceUnknown."""
        await self._ask(written.managing("PauseSubscription"), _nothing)

    async def resume(self) -> None:
        """Have all delivered that is owed, also where delivery was given up. Raises ResourceUnknown."""
        await self._ask(written.managing("ResumeSubscription"), _nothing)

    async def unsubscribe(self) -> None:
        """End it. Raises ResourceUnknown where it has ended already."""
        patience = self._exchange.patience(self.reference)
        try:
            await self._exchange.ask(written.managing("Unsubscribe"), self.reference, _nothing, patience=patience)
        except ResourceUnknown:
            if not patience.tried:
                raise  # else it was our own first attempt, whose answer was lost

    async def _ask(self, asked: Written, read: Callable[[etree._Element], T]) -> T:
        return await self._exchange.ask(asked, self.reference, read)


async def subscribe(
    exchange: Exchange, producer: Reference | None, consumer: Whom, **options: Unpack[Subscribing]
) -> Subscription:
    """Subscribe to ``producer``, or to all of the caller's activities where that is None, as `Activity.subscribe` says.

    Raises what that raises.
    """
    if isinstance(consumer, str):
        whom = Reference.to(consumer)
    elif isinstance(consumer, Reference):
        whom = consumer
    else:
        whom = Reference.to(consumer.address)
        if consumer.secret is not None:
            options.setdefault("secret", consumer.secret)
    reference, terminates = await exchange.ask(written.subscribe(whom, options), producer, _subscribed)
    return Subscription(exchange, reference, terminates)


def _nothing(response: etree._Element) -> None:
    """Read an answer that says nothing but that it was done."""


def _termination(response: etree._Element) -> datetime | None:
    return value(response, "TerminationTime", parse_time, ns.WSNT)


def _subscribed(response: etree._Element) -> tuple[Reference, datetime | None]:
    """Read wsnt:SubscribeResponse."""
    element = response.find(f"{{{ns.WSNT}}}SubscriptionReference")
    if element is None:
        raise ValueError("it has no endpoint reference")
    return Reference.of(element), _termination(response)


def _read_properties(document: etree._Element) -> SubscriptionProperties:
    """Read act:SubscriptionProperties."""
    consumer = document.find(f"{{{ns.WSNT}}}ConsumerReference")
    if consumer is None:
        raise ValueError("it has no consumer")
    return SubscriptionProperties(
        id=value(document, "SubscriptionId", str),
        activity_id=value(document, "ActivityId", str),
        consumer=Reference.of(consumer),
        paused=needed(document, "Paused", str) in ("true", "1"),
        delivery=needed(document, "Delivery", Delivery),
        failures=needed(document, "Failures", int),
        last_error=value(document, "LastError", str),
        next_try=value(document, "NextTry", parse_time),
        delivered=needed(document, "Delivered", int),
        confirmed=value(document, "Confirmed", str) not in ("false", "0"),
        created=value(document, "CreationTime", parse_time, ns.WSNT),
        terminates=value(document, "TerminationTime", parse_time, ns.RL),
        xml=document,
    )
