"""What a subscription and a pull point are (WS-BaseNotification 1.3). Values only, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from wsrf_activity.model.lifetime import Requested


class Delivery(StrEnum):
    """How the delivery of a subscription goes; the values are the words on the wire."""

    ACTIVE = "Active"  #: what there is has been delivered, or is about to be
    RETRYING = "Retrying"  #: the consumer did not take the last message; it is sent again later
    DEAD_LETTER = "DeadLetter"  #: given up; what is owed is kept, and ResumeSubscription sends it


class Kind(StrEnum):
    """The three children that wsnt:Filter may have (WS-BaseNotification 1.3, section 4.2)."""

    TOPIC = "TopicExpression"
    PRODUCER_PROPERTIES = "ProducerProperties"
    MESSAGE_CONTENT = "MessageContent"


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of a filter, as the subscriber wrote it."""

    kind: Kind
    dialect: str
    text: str
    prefixes: Mapping[str, str] = field(default_factory=dict)  #: in scope where it stood; "" is the default namespace


@dataclass(frozen=True, slots=True)
class Consumer:
    """Whom to tell: an endpoint, in the SOAP and WS-Addressing versions of who subscribed."""

    address: str
    reference: str  #: the whole endpoint reference as XML, with the reference parameters that every message echoes
    soap: Literal["1.1", "1.2"]
    addressing: str  #: the namespace of WS-Addressing


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a subscriber wants to be told: children of wsnt:SubscriptionPolicy."""

    raw: bool = False  #: wsnt:UseRaw: the message alone, without wsnt:Notify around it
    from_sequence: int | None = None  #: also what was before, from this event of the activity on
    latest_only: bool = False  #: of messages that queue up only the latest on each topic of each activity
    at_most_every: timedelta | None = None  #: between two deliveries; what comes meanwhile is sent together
    verify: bool = False  #: the consumer has to confirm before the first message
    secret: str | None = field(default=None, repr=False)  #: signs each message (HMAC-SHA256)
    credentials: tuple[str, str] | None = field(default=None, repr=False)  #: user and password, or "" and a token


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeRequest:
    """What a client asks for with Subscribe (WS-BaseNotification 1.3, section 4.2)."""

    consumer: Consumer
    filter: tuple[Expression, ...] = ()
    policy: Policy = Policy()
    lifetime: Requested | None = None
    pull_point: str | None = None  #: the pull point of this server that the consumer's address names


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who is told of what, and how far. Times are aware UTC."""

    id: str
    owner: str
    activity_id: str | None  #: None: all activities of the owner
    consumer: Consumer
    filter: tuple[Expression, ...] = ()
    policy: Policy = Policy()
    created: datetime
    terminates: datetime | None  #: None is never
    pull_point: str | None = None  #: the pull point of this server that is the consumer
    paused: bool = False
    confirmed: bool = True  #: False until the consumer has confirmed, where ``policy.verify`` wants it
    delivery: Delivery = Delivery.ACTIVE
    failures: int = 0  #: deliveries that failed since the last that went well
    failing_since: datetime | None = None
    next_try: datetime | None = None
    last_error: str | None = None
    delivered: int = 0  #: messages, all in all
    position: int = 0  #: in the event log; everything up to here has been delivered, or was not wanted

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.terminates is not None and self.terminates <= now


def going_like(subscription: Subscription, other: Subscription) -> Subscription:
    """Return the subscription with its delivery as that of another state of it."""
    return replace(
        subscription,
        delivery=other.delivery,
        failures=other.failures,
        failing_since=other.failing_since,
        next_try=other.next_try,
        last_error=other.last_error,
    )


def going_well(subscription: Subscription) -> Subscription:
    """Return the subscription as it is after a success. What went wrong last stays to be read."""
    return replace(subscription, delivery=Delivery.ACTIVE, failures=0, failing_since=None, next_try=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPoint:
    """A queue that keeps messages until they are fetched."""

    id: str
    owner: str
    created: datetime
    terminates: datetime | None

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.terminates is not None and self.terminates <= now


@dataclass(frozen=True, slots=True)
class Pulled:
    """A message in a pull point."""

    number: int  #: rises with each message; what a client acknowledges
    content: bytes  #: a wsnt:NotificationMessage as XML
