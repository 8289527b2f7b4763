"""What the deliverer needs of the rest of the house: a log to read, and somebody who writes messages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from lxml import etree

from wsrf_activity.model.events import Change
from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.model.topics import Topic


@dataclass(frozen=True, eq=False)
class Message:
    """One notification, made once for all who get it; without slots, to keep what is made of it."""

    event_id: str  #: the same at every delivery
    sequence: int  #: the place of its event among those of the activity, from 1
    activity_id: str
    topic: Topic
    payload_text: bytes  #: as it is written, with all prefixes that it needs

    @cached_property
    def payload(self) -> etree._Element:
        """The payload for those who look into it. Nobody may change it."""
        return etree.fromstring(self.payload_text, _PARSER)


#: Of what we have written ourselves, however much it is.
_PARSER = etree.XMLParser(resolve_entities=False, huge_tree=True)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is POSTed."""

    content: bytes
    headers: dict[str, str]


class Renderer(Protocol):
    """Writes XML."""

    def messages(self, change: Change) -> Sequence[Message]:
        """Return all that there is to tell of a change, in order. Called often with one: keeps what it made."""

    def document(self, change: Change) -> etree._Element:
        """Return the resource property document after the change, for ProducerProperties filters."""

    def notify(self, subscription: Subscription, messages: Sequence[Message]) -> Envelope:
        """Return one wsnt:Notify with all of these, in the consumer's version and with its reference parameters."""

    def raw(self, subscription: Subscription, message: Message) -> Envelope:
        """Return one message by itself (wsnt:UseRaw), with an act:Event header."""

    def verification(self, subscription: Subscription, challenge: str) -> Envelope:
        """Return an act:VerifyConsumer, which asks a consumer whether it wants to be told."""

    def confirms(self, answer: bytes, challenge: str) -> bool:
        """Whether an answer, which may be anything, is the act:VerifyConsumerResponse to this challenge."""

    def pulled(self, subscription: Subscription, message: Message) -> bytes:
        """Return a wsnt:NotificationMessage for a pull point."""


class Reader(Protocol):
    """Reads the log for one subscription, in order."""

    async def next(self, limit: int) -> Sequence[Change]:
        """Return up to about ``limit`` changes that were not returned yet; none at the end of the log.

        Raises Unavailable where the database does not answer.
        """

    @property
    def position(self) -> int:
        """Where to read from after a restart, once all that ``next`` has returned is delivered.

        The id of a row of the log. It may lag behind what was returned, and move without another ``next``, while older
        rows may still appear.
        """


class Log(Protocol):
    """The subscriptions and what they are owed; all methods may raise Unavailable."""

    async def subscriptions(self, ids: Collection[str] | None = None) -> Sequence[Subscription]:
        """Return those of these that there are; all where none are named."""

    def reader(self, subscription: Subscription) -> Reader:
        """Return what reads on from the subscription's position."""

    async def delivered(self, subscription_id: str, position: int, messages: int) -> None:
        """Note how far a subscription has been told; soon on the disk, together with others. Ends Retrying."""

    async def failed(self, subscription: Subscription) -> None:
        """Write ``delivery``, ``failures``, ``failing_since``, ``next_try`` and ``last_error`` of a subscription."""

    async def confirmed(self, subscription_id: str) -> None:
        """Note that the consumer has confirmed."""

    async def finished(self, subscription_id: str) -> None:
        """Remove a subscription whose activity is gone and which has had everything."""

    async def put(self, subscription: Subscription, messages: Sequence[bytes], position: int) -> bool:
        """Put messages into the subscription's pull point, and its position forward, at once.

        False where there is no room: then ``Deliverer.changed`` is called when there is some.
        """
