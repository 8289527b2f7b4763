"""What is told of a change, as XML: the messages, each made and written once, and the envelopes in which consumers get
them. What is to be sent to whom, and when, is decided elsewhere.
"""

import uuid
from collections import OrderedDict
from collections.abc import AsyncIterable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Generic, TypeVar
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses, Resource
from wsrf_activity.model.errors import NoCurrentMessage, Refused
from wsrf_activity.model.events import Change
from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.model.topics import Topic, TopicExpression, format_topic
from wsrf_activity.notify.base import Envelope, Message
from wsrf_activity.soap import event_messages, markup
from wsrf_activity.soap.addressing import read_endpoint, reference
from wsrf_activity.soap.envelope import SOAP11, SOAP12, Version
from wsrf_activity.soap.properties import View, document
from wsrf_activity.soap.replies import http_headers

#: Of what is told to a consumer (WS-BaseNotification 1.3, section 3.2).
NOTIFY_ACTION: Final = "http://docs.oasis-open.org/wsn/bw-2/NotificationConsumer/Notify"
VERIFY_ACTION: Final = f"{ns.ACT}:VerifyConsumer"
KEPT = 500  #: changes whose messages are kept, since many subscriptions are told of each at about the same time

_NOTIFY = f'<wsnt:Notify xmlns:wsnt="{ns.WSNT}">'.encode()
_NOTIFIED = b"</wsnt:Notify>"
_HOLDER = f'<wsnt:NotificationMessage xmlns:wsnt="{ns.WSNT}">'.encode()
_VERSIONS = {"1.1": SOAP11, "1.2": SOAP12}
_ID = uuid.uuid4().hex  #: in an address and in the patterns made of it, the place of an id

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Written(Message):
    """A message that is written at most once, whoever gets it."""

    producer: bytes  #: wsnt:ProducerReference

    @cached_property
    def action(self) -> str:
        """The Action of the message sent raw, which no standard says: it is named as WS-Addressing 1.0 Metadata,
        section 4.4.4, would name it.
        """
        name = etree.QName(self.payload)
        uri = name.namespace or ns.ACT
        return f"{uri}{':' if uri.startswith('urn:') else '/'}{name.localname}"

    @cached_property
    def event_text(self) -> bytes:
        """The header block that goes with the message when it is sent raw."""
        own = f"eventId={quoteattr(self.event_id)} sequence={quoteattr(str(self.sequence))}"
        topic = "".join(_topic(self.topic))
        beginning = f'<act:Event xmlns:act="{ns.ACT}" {own}>{topic}'
        return b"".join((beginning.encode(), self.producer, b"</act:Event>"))

    @cached_property
    def behind_subscription(self) -> bytes:
        """What stands in a wsnt:NotificationMessage behind the SubscriptionReference, to its end."""
        tag, text = _topic(self.topic)
        own = f" act:eventId={quoteattr(self.event_id)} act:sequence={quoteattr(str(self.sequence))}"
        topic = f"{tag[:-1]}{own}>{text}".encode()
        end = b"</wsnt:Message></wsnt:NotificationMessage>"
        return b"".join((topic, self.producer, b"<wsnt:Message>", self.payload_text, end))


class Notifications:
    """Writes messages for the addresses below one base URL; implements ``notify.base.Renderer``."""

    def __init__(self, addresses: Addresses, kept: int = KEPT) -> None:
        """Keep the messages of the last ``kept`` changes that were asked for."""
        self._addresses = addresses
        self._messages: _Kept[tuple[Message, ...]] = _Kept(kept)
        self._documents: _Kept[etree._Element] = _Kept(max(1, kept // 10))
        self._producer = _pattern(addresses, Resource.ACTIVITY, "ProducerReference")
        self._reference = _pattern(addresses, Resource.SUBSCRIPTION, "SubscriptionReference")

    def messages(self, change: Change) -> Sequence[Message]:
        """Return all that there is to tell of a change, in order: of its topic, then of each property's."""
        return self._messages.get(change, self._make_messages)

    def document(self, change: Change) -> etree._Element:
        """Return the resource property document after the change; of an activity that is no more, the last one."""
        return self._documents.get(change, self._make_document)

    async def current(self, history: AsyncIterable[Sequence[Change]], wanted: TopicExpression) -> etree._Element:
        """Return what was published last on a topic, or below it. Raises NoCurrentMessage."""
        last = None
        async for part in history:
            of_each = (list(event_messages.payloads(each, self._addresses, wanted.matches)) for each in reversed(part))
            found = next((payloads for payloads in of_each if payloads), None)
            last = last if found is None else found[-1][2]
        if last is None:
            raise NoCurrentMessage(f"nothing has been published on {wanted.text} so far")
        return etree.fromstring(last)

    def notify(self, subscription: Subscription, messages: Sequence[Message]) -> Envelope:
        """Return one wsnt:Notify with all of these, in the consumer's version and with its reference parameters."""
        holders = (part for message in messages for part in self._holder(subscription, message))
        return self._envelope(subscription, NOTIFY_ACTION, b"", b"".join((_NOTIFY, *holders, _NOTIFIED)))

    def raw(self, subscription: Subscription, message: Message) -> Envelope:
        """Return one message by itself (wsnt:UseRaw), with an act:Event header."""
        written = self._written(message)
        return self._envelope(subscription, written.action, written.event_text, written.payload_text)

    def pulled(self, subscription: Subscription, message: Message) -> bytes:
        """Return a wsnt:NotificationMessage for a pull point."""
        return b"".join(self._holder(subscription, message))

    def verification(self, subscription: Subscription, challenge: str) -> Envelope:
        """Return the act:VerifyConsumer by which a consumer is asked to confirm, with the challenge that it repeats."""
        asked = etree.Element(f"{{{ns.ACT}}}VerifyConsumer", nsmap={"act": ns.ACT})
        etree.SubElement(asked, f"{{{ns.ACT}}}SubscriptionId").text = subscription.id
        etree.SubElement(asked, f"{{{ns.ACT}}}Challenge").text = challenge
        return self._envelope(subscription, VERIFY_ACTION, b"", etree.tostring(asked))

    def confirms(self, answer: bytes, challenge: str) -> bool:
        """Whether an answer, which may be anything, is the act:VerifyConsumerResponse to this challenge."""
        try:
            body = markup.parse(answer).find("{*}Body")
        except Refused:
            return False
        if body is None or len(body) != 1 or body[0].tag != f"{{{ns.ACT}}}VerifyConsumerResponse":
            return False
        return (body[0].findtext(f"{{{ns.ACT}}}Challenge") or "").strip() == challenge

    def _make_messages(self, change: Change) -> tuple[Message, ...]:
        event = change.logged.event
        producer = _put(self._producer, event.activity_id)
        return tuple(
            _Written(
                f"{change.logged.id}.{number}" if number else str(change.logged.id),
                change.logged.sequence,
                event.activity_id,
                topic,
                payload,
                producer,
            )
            for number, topic, payload in event_messages.payloads(change, self._addresses)
        )

    def _make_document(self, change: Change) -> etree._Element:
        shown = change.new or change.old
        if shown is None:
            return etree.Element(f"{{{ns.ACT}}}ActivityProperties", nsmap={"act": ns.ACT})
        return document(View(shown, change.logged.event.time, self._addresses))

    def _holder(self, subscription: Subscription, message: Message) -> tuple[bytes, bytes, bytes]:
        return _HOLDER, _put(self._reference, subscription.id), self._written(message).behind_subscription

    def _written(self, message: Message) -> _Written:
        if isinstance(message, _Written):
            return message
        producer = _put(self._producer, message.activity_id)
        return _Written(
            message.event_id, message.sequence, message.activity_id, message.topic, message.payload_text, producer
        )

    def _envelope(self, subscription: Subscription, action: str, header: bytes, body: bytes) -> Envelope:
        consumer = subscription.consumer
        version = _VERSIONS[consumer.soap]
        parameters = _parameters(consumer.reference, consumer.addressing)
        beginning = _beginning(version, consumer.addressing, consumer.address, action)
        message_id = f"<wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID>".encode()
        return Envelope(
            b"".join((beginning, message_id, header, parameters, _middle(version), body, _end(version))),
            http_headers(version, action),
        )


def _pattern(addresses: Addresses, resource: Resource, name: str) -> bytes:
    """Return an endpoint reference, named ``name``, of which all is written but the id, in whose places is a mark."""
    return etree.tostring(reference(addresses, resource, _ID, tag=f"{{{ns.WSNT}}}{name}", described=False))


def _put(pattern: bytes, identifier: str) -> bytes:
    """Return a pattern with an id in it, which stands nowhere but in texts."""
    return pattern.replace(_ID.encode(), escape(identifier).encode())


class _Kept(Generic[T]):
    """What was made of the changes that were asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[tuple[object, ...], T] = OrderedDict()

    def get(self, change: Change, make: Callable[[Change], T]) -> T:
        """Return what was made of a change, or make it. The states beside it are known to some who read, not to all."""
        logged = change.logged
        key = (logged.id, logged.event.activity_id, logged.sequence, change.old is None, change.new is None)
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        made = self._made[key] = make(change)
        if len(self._made) > self._most:
            self._made.popitem(last=False)
        return made


@lru_cache(maxsize=1000)
def _topic(topic: Topic) -> tuple[str, str]:
    """Return wsnt:Topic with the concrete path, whose prefix is declared on it: its start tag, and what follows."""
    uri = etree.QName(topic[0]).namespace or ""
    prefix = next(prefix for prefix, known in ns.PREFIXES.items() if known == uri)
    names = {"wsnt": ns.WSNT, "act": ns.ACT, prefix: uri}
    declared = "".join(f' xmlns:{name}="{known}"' for name, known in names.items())
    return f'<wsnt:Topic{declared} Dialect="{ns.TOPIC_CONCRETE}">', f"{escape(format_topic(topic))}</wsnt:Topic>"


@lru_cache(maxsize=10_000)
def _parameters(consumer: str, version: str) -> bytes:
    """Return the header blocks that each message to a consumer has to have, given its endpoint reference.

    It is read in a thread of its own, with which the names that it has taught the parser are forgotten.
    """
    with ThreadPoolExecutor(1, "consumer") as thread:
        return thread.submit(
            lambda: b"".join(read_endpoint(etree.fromstring(consumer), ns.WSA, version).parameters)
        ).result()


def _beginning(version: Version, addressing: str, to: str, action: str) -> bytes:
    """Return an envelope as far as wsa:Action."""
    soap = version.prefix
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<{soap}:Envelope xmlns:{soap}="{version.namespace}"'
        f' xmlns:wsa="{addressing}"><{soap}:Header><wsa:To>{escape(to)}</wsa:To><wsa:Action>{action}</wsa:Action>'
    ).encode()


def _middle(version: Version) -> bytes:
    return f"</{version.prefix}:Header><{version.prefix}:Body>".encode()


def _end(version: Version) -> bytes:
    return f"</{version.prefix}:Body></{version.prefix}:Envelope>".encode()
