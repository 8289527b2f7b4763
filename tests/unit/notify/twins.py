"""A log and a renderer in memory for tests of the deliverer: as small as they can be while they keep the protocols."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lxml import etree

from wsrf_activity.model import ns, topics
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.events import Change, Event, Logged
from wsrf_activity.model.filters import Filter, MessageContent, ProducerProperties
from wsrf_activity.model.subscriptions import Consumer, Delivery, Expression, Kind, Subscription
from wsrf_activity.model.topics import TopicSpace
from wsrf_activity.notify.base import Envelope, Message

TIMEOUT = 30.0  #: seconds after which something hangs
ACT = f"{{{ns.ACT}}}"


class Bell:
    """Rings when anything has happened, so that tests wait for what they want to see instead of for a clock."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not holds():
                self._rung.clear()
                await self._rung.wait()


class Clock:
    """The real time, moved forward by tests."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class MemoryLog:
    """Subscriptions, events and pull points; ``away`` is a database that does not answer."""

    def __init__(self, bell: Bell) -> None:
        self.bell = bell
        self.rows: list[Change] = []
        self.kept: dict[str, Subscription] = {}
        self.pulled: dict[str, list[bytes]] = {}
        self.room = 1000  #: messages in a pull point
        self.away = False
        self.settled: int | None = None  #: no position is beyond this row
        self.reads: Counter[str] = Counter()
        self.failures: list[Subscription] = []

    def tell(self, activity_id: str, topic: str, owner: str = "ann") -> Change:
        """Commit an event."""
        sequence = 1 + sum(row.logged.event.activity_id == activity_id for row in self.rows)
        event = Event(topic, activity_id, owner, sequence, datetime.now(UTC), None)
        self.rows.append(Change(Logged(len(self.rows) + 1, sequence, event), None, None))
        return self.rows[-1]

    def add(self, subscription: Subscription) -> Subscription:
        self.kept[subscription.id] = subscription
        return subscription

    def change(self, subscription_id: str, changes: Callable[[Subscription], Subscription]) -> None:
        self.kept[subscription_id] = changes(self.kept[subscription_id])

    async def subscriptions(self, ids: Collection[str] | None = None) -> Sequence[Subscription]:
        await self._answer()
        return [kept for kept in self.kept.values() if ids is None or kept.id in ids]

    def reader(self, subscription: Subscription) -> "MemoryReader":
        return MemoryReader(self, subscription)

    async def delivered(self, subscription_id: str, position: int, messages: int) -> None:
        await self._answer()
        if subscription_id in self.kept:
            old = self.kept[subscription_id]
            new = replace(old, delivery=Delivery.ACTIVE, failures=0, failing_since=None, next_try=None)
            position = max(position, old.position)
            self.kept[subscription_id] = replace(new, position=position, delivered=old.delivered + messages)

    async def failed(self, subscription: Subscription) -> None:
        await self._answer()
        if subscription.id in self.kept:
            self.kept[subscription.id] = replace(
                self.kept[subscription.id],
                delivery=subscription.delivery,
                failures=subscription.failures,
                failing_since=subscription.failing_since,
                next_try=subscription.next_try,
                last_error=subscription.last_error,
            )
            self.failures.append(subscription)

    async def confirmed(self, subscription_id: str) -> None:
        await self._answer()
        self.change(subscription_id, lambda old: replace(old, confirmed=True))

    async def finished(self, subscription_id: str) -> None:
        await self._answer()
        self.kept.pop(subscription_id, None)

    async def put(self, subscription: Subscription, messages: Sequence[bytes], position: int) -> bool:
        await self._answer()
        assert subscription.pull_point is not None
        queue = self.pulled.setdefault(subscription.pull_point, [])
        if len(queue) + len(messages) > self.room:
            return False
        queue.extend(messages)
        old = self.kept[subscription.id]
        position = max(position, old.position)
        self.kept[old.id] = replace(old, position=position, delivered=old.delivered + len(messages))
        return True

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        self.bell.ring()
        if self.away:
            raise Unavailable("the database is away")


class MemoryReader:
    def __init__(self, log: MemoryLog, subscription: Subscription) -> None:
        self._log = log
        self._subscription = subscription
        self._position = subscription.position

    async def next(self, limit: int) -> Sequence[Change]:
        self._log.reads[self._subscription.id] += 1
        await self._log._answer()
        rows = [row for row in self._log.rows[self._position :] if self._is_for(row.logged.event)][:limit]
        self._position = rows[-1].logged.id if rows else max(self._position, len(self._log.rows))
        return rows

    def _is_for(self, event: Event) -> bool:
        if self._subscription.activity_id is not None:
            return event.activity_id == self._subscription.activity_id
        return event.owner == self._subscription.owner

    @property
    def position(self) -> int:
        return self._position if self._log.settled is None else min(self._position, self._log.settled)


class PlainRenderer:
    """One message for each event, in XML of its own. ``padding`` makes messages large."""

    def __init__(self, padding: int = 0) -> None:
        self.padding = padding

    def messages(self, change: Change) -> Sequence[Message]:
        logged = change.logged
        payload = etree.fromstring(f'<Told xmlns="{ns.ACT}" sequence="{logged.sequence}">{"x" * self.padding}</Told>')
        topic = topics.of_event(logged.event.topic)
        return [Message(str(logged.id), logged.sequence, logged.event.activity_id, topic, etree.tostring(payload))]

    def document(self, change: Change) -> etree._Element:
        version = change.logged.event.version
        return etree.fromstring(
            f'<ActivityProperties xmlns="{ns.ACT}"><Version>{version}</Version></ActivityProperties>'
        )

    def notify(self, subscription: Subscription, messages: Sequence[Message]) -> Envelope:
        body = b"".join(self.pulled(subscription, message) for message in messages)
        return self._envelope(b"<Notify>" + body + b"</Notify>")

    def raw(self, subscription: Subscription, message: Message) -> Envelope:
        return self._envelope(b"<Raw>" + self.pulled(subscription, message) + b"</Raw>")

    def pulled(self, subscription: Subscription, message: Message) -> bytes:
        attributes = f'id="{message.event_id}" activity="{message.activity_id}" sequence="{message.sequence}"'
        return f"<Message {attributes}/>".encode() + b" " * self.padding

    def verification(self, subscription: Subscription, challenge: str) -> Envelope:
        return self._envelope(f"<Verify>{challenge}</Verify>".encode())

    def confirms(self, answer: bytes, challenge: str) -> bool:
        return answer == hashlib.sha256(challenge.encode()).hexdigest().encode()

    def _envelope(self, content: bytes) -> Envelope:
        return Envelope(content, {"content-type": "text/xml; charset=UTF-8"})


def told(content: bytes) -> list[int]:
    """Return the event ids in a message of ``PlainRenderer``."""
    return [int(message.get("id", "")) for message in etree.fromstring(content).iter("Message")]


def subscription(id_: str, address: str = "http://127.0.0.1:9/", **values: object) -> Subscription:
    """Return a subscription to all of ann's activities, where nothing else is said."""
    defaults = Subscription(
        id=id_,
        owner="ann",
        activity_id=None,
        consumer=Consumer(address, "<Address/>", "1.1", ns.WSA),
        created=datetime.now(UTC),
        terminates=None,
    )
    return replace(defaults, **values)  # type: ignore[arg-type]  # the fields are what tests say that they are


_SPACE = TopicSpace.of(())


def compiled(expressions: Iterable[Expression]) -> Filter:
    """Return a filter of its expressions."""
    by_kind = {kind: [each for each in expressions if each.kind is kind] for kind in Kind}
    return Filter(
        tuple(topics.parse(each.dialect, each.text, each.prefixes, _SPACE) for each in by_kind[Kind.TOPIC]),
        tuple(MessageContent(each.text, each.prefixes) for each in by_kind[Kind.MESSAGE_CONTENT]),
        tuple(ProducerProperties(each.text, each.prefixes) for each in by_kind[Kind.PRODUCER_PROPERTIES]),
    )
