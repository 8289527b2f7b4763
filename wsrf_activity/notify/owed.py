"""What one subscription is owed: read from the log, filtered, and thinned out where only the latest is wanted."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Container, Hashable

from lxml import etree

from wsrf_activity.model.events import TERMINATED, Change
from wsrf_activity.model.filters import Document, Filter
from wsrf_activity.model.subscriptions import Subscription
from wsrf_activity.notify.base import Message, Reader, Renderer

PAGE = 100  #: changes that are read in one go
RAW_PAGE = 20  #: the same where each message is sent alone: what is sent again after a crash is a page at most
ENOUGH = 100  #: messages that are read before some are sent
LATEST = 1000  #: the same where only the latest are sent: different ones that are held in memory
PAGES = 20  #: read before others have their turn, where hardly anything is wanted
_BREATH = 0.02  #: seconds after which others have their turn: what is rendered or filtered can be a lot


class Documents:
    """What filters are asked about: made once for all subscriptions, as long as it is new."""

    def __init__(self, renderer: Renderer, most: int = 256) -> None:
        """Keep ``most`` documents."""
        self._renderer = renderer
        self._most = most
        self._kept: OrderedDict[Hashable, Document] = OrderedDict()

    def content(self, message: Message) -> Document:
        """Return the payload of a message."""
        return self._document((message.event_id,), lambda: message.payload)

    def properties(self, change: Change) -> Document:
        """Return the properties of an activity after a change."""
        return self._document(change.logged.id, lambda: self._renderer.document(change))

    def _document(self, key: Hashable, make: Callable[[], etree._Element]) -> Document:
        if key not in self._kept:
            self._kept[key] = Document(make())
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class Owed:
    """What has been read for a subscription from its position on, and is not delivered yet."""

    def __init__(
        self, subscription: Subscription, wanted: Filter, reader: Reader, renderer: Renderer, documents: Documents
    ) -> None:
        """Begin with nothing read."""
        self.over = False  #: whether the activity that the subscription is bound to is no more
        self.read = 0  #: the last row of the log that has been read
        self._activity_id = subscription.activity_id
        self._latest = subscription.policy.latest_only
        self._page = RAW_PAGE if subscription.policy.raw else PAGE
        self._wanted = wanted
        self._reader = reader
        self._renderer = renderer
        self._documents = documents
        self._pending: dict[Hashable, Message] = {}
        self.rows: dict[str, int] = {}  #: of the log, by the event ids of what is pending

    @property
    def position(self) -> int:
        """How far the log has been read."""
        return self._reader.position

    def messages(self, had: Container[str]) -> list[Message]:
        """Return what is to be sent, in order, without what the consumer has had by its event id."""
        return [message for message in self._pending.values() if message.event_id not in had]

    def clear(self) -> None:
        """Forget what has been delivered: all that was read."""
        self._pending.clear()
        self.rows.clear()

    async def fill(self) -> bool:
        """Read on until there is enough to send; return whether the log has ended. Raises Unavailable."""
        enough = LATEST if self._latest else ENOUGH
        pages = 0
        time = asyncio.get_running_loop().time
        breath = time() + _BREATH
        while len(self._pending) < enough and (pages < PAGES or self._pending):
            changes = await self._reader.next(self._page)
            if not changes:
                return True
            for change in changes:
                self._take(change)
                if time() >= breath:
                    await asyncio.sleep(0)
                    breath = time() + _BREATH
            pages += 1
        return False

    def _take(self, change: Change) -> None:
        self.read = max(self.read, change.logged.id)
        event = change.logged.event
        if event.topic == TERMINATED and event.activity_id == self._activity_id:
            self.over = True
        for message in self._renderer.messages(change):
            if self._wants(message, change):
                key = (message.activity_id, message.topic) if self._latest else message.event_id
                self._pending.pop(key, None)  # the latest takes its own place in the order
                self._pending[key] = message
                self.rows[message.event_id] = change.logged.id

    def _wants(self, message: Message, change: Change) -> bool:
        return self._wanted.passes(
            message.topic,
            lambda: self._documents.content(message),
            lambda: self._documents.properties(change),
        )
