"""Events as they come, through a pull point: none twice, none missing, however often the server is restarted."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from lxml import etree

from wsrf_activity.client import written
from wsrf_activity.client.errors import (
    ClientProblem,
    TooBusy,
)
from wsrf_activity.client.events import Event, Recent, Terminated, read_messages
from wsrf_activity.client.exchange import Exchange
from wsrf_activity.client.outputs import Outputs
from wsrf_activity.client.patience import AWAY, Deadline
from wsrf_activity.client.references import Reference
from wsrf_activity.client.subscription_errors import (
    MultipleTopics,
    NoCurrentMessage,
)
from wsrf_activity.client.subscriptions import Subscription, subscribe
from wsrf_activity.client.values import State, value
from wsrf_activity.client.written import Subscribing
from wsrf_activity.model import ns
from wsrf_activity.model.addresses import Addresses, Resource

POLL: Final = 50.0  #: seconds that the server is asked to wait for an event; its own limit is of that size
_LEAVING: Final = (
    5.0  #: seconds that a server may be away when the events are closed; what is left there goes by itself
)


@dataclass(slots=True)
class _Followed:
    """One activity, and what of it is not to be told."""

    first: int = 0  #: the sequence number from which on
    after: int | None = None  #: the version after which
    begun: int | None = None  #: the sequence number of the first event after that version, as far as is known
    over: bool = False  #: whether nothing is waited for any more

    def tells(self, event: Event) -> bool:
        """Whether an event is wanted."""
        sequence = event.sequence or 0
        if self.after is None or isinstance(event, Terminated):
            return sequence >= self.first
        version = getattr(event, "version", None)
        if version is None:  # a property's; it belongs to a change that has one
            return self.begun is not None and sequence >= self.begun
        if version <= self.after:
            return False
        self.begun = sequence if self.begun is None else min(self.begun, sequence)
        return True


class PullPoint:
    """A queue of the server's. What was fetched is acknowledged with the next fetch: a lost answer loses nothing."""

    def __init__(self, exchange: Exchange, reference: Reference) -> None:
        self.reference = reference
        self._exchange = exchange
        self._acknowledged = 0

    @classmethod
    async def create(cls, exchange: Exchange) -> Self:
        """Make one. Raises TooBusy, Unreachable."""
        shared = Reference.to(Addresses(exchange.where.base).at(Resource.PULL_POINT, None))
        return cls(exchange, await exchange.ask(written.create_pull_point(), shared, _created))

    async def fetch(self, seconds: float) -> list[Event]:
        """Return what there is, or what comes within so many seconds. Waits a day for a server that is away."""
        asked = written.get_messages(seconds, self._acknowledged)
        patience = self._exchange.patience(self.reference, AWAY)
        found, last = await self._exchange.ask(asked, self.reference, _fetched, patience=patience, within=seconds)
        self._acknowledged = last
        return found

    async def destroy(self) -> None:
        """Remove it with the subscriptions that fill it, if the server can be reached."""
        patience = self._exchange.patience(self.reference, _LEAVING)
        with suppress(ClientProblem):
            await self._exchange.ask(
                written.destroy_pull_point(), self.reference, lambda response: None, patience=patience
            )


class Events:
    """What happens to some activities, or to all of the caller's; to be used with ``async for`` or ``async with``."""

    def __init__(
        self,
        exchange: Exchange,
        activities: Sequence[Reference],
        wanted: Subscribing,
        from_sequence: int | None,
        follow: bool,
    ) -> None:
        """Take it from `Activity.events` or `Service.events`."""
        self._exchange = exchange
        self._activities = activities
        ends = bool(activities) and not follow
        self._wanted = written.with_ends(wanted) if ends else wanted
        self._doubtful = wanted.get("topics") if ends and wanted.get("topics") is not written.EVENTS else None
        self._from = from_sequence
        self._follow = follow
        self._followed: dict[str | None, _Followed] = {}
        self._pull_point: PullPoint | None = None
        self._coming: deque[Event] = deque()
        self._recent = Recent()
        self._begun = self._closed = self._held = False

    async def __aenter__(self) -> Self:
        await self.begin()
        self._held = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._each()

    async def _each(self) -> AsyncGenerator[Event, None]:
        # A generator, because asyncio closes one that was left in the middle.
        try:
            while (event := await self.next()) is not None:
                yield event
        finally:
            if not self._held:
                await self.close()

    async def begin(self) -> None:
        """Subscribe, unless that was done: from here on nothing is missed. Raises what ``subscribe`` raises."""
        if self._begun or self._closed:
            return
        self._begun = True
        try:
            if self._doubtful is not None:
                await self._check(self._doubtful)
            self._pull_point = await PullPoint.create(self._exchange)
            if not self._activities:
                await subscribe(self._exchange, None, self._pull_point.reference, **self._wanted)
            for activity in self._activities:
                self._followed[activity.id] = await self._join(activity, self._pull_point)
        except BaseException:
            await self.close()
            raise

    async def next(self) -> Event | None:
        """Return the next event, as soon as there is one; None at the end.

        Raises ResourceUnknown where the server has forgotten the subscription, Unreachable after a day without it.
        """
        await self.begin()
        while not self._coming and self._pull_point is not None:
            over = bool(self._followed) and all(each.over for each in self._followed.values())
            found = await self._fetch(self._pull_point, 0.0 if over else POLL)
            self._coming.extend(event for event in found if self._tells(event))
            if over and not found:
                await self.close()
        return self._coming.popleft() if self._coming else None

    async def close(self) -> None:
        """End the subscriptions and leave nothing on the server, if it can be reached."""
        self._closed = True
        pull_point, self._pull_point = self._pull_point, None
        if pull_point is not None:
            await pull_point.destroy()

    async def _check(self, topics: str | Iterable[str]) -> None:
        """Have topics refused that nobody publishes: beside those that end an activity they would go unnoticed."""
        with suppress(NoCurrentMessage, MultipleTopics):
            await self._exchange.ask(written.get_current_message(topics), self._activities[0], lambda response: None)

    async def _fetch(self, pull_point: PullPoint, seconds: float) -> list[Event]:
        paused = Deadline(min(seconds, 1.0))  # a server whose limit is tiny must not be asked in a tight loop
        try:
            found = await pull_point.fetch(seconds)
        except TooBusy as busy:
            found, paused = [], Deadline(busy.retry_after or 1.0)
        if not found:
            await self._exchange.port.pause(paused.left(POLL))
        return found

    async def _join(self, activity: Reference, pull_point: PullPoint) -> _Followed:
        """Subscribe to one activity such that the event that ends it is told for certain, unless it came before."""
        followed = _Followed(first=self._from or 0)
        before = await self._state(activity) if self._from is None and not self._follow else None
        if before is not None and before.ended:
            followed.over = True
            return followed
        made = await self._subscribe(activity, pull_point, self._from)
        if self._from != 1 and not self._follow and (await self._state(activity)).ended:
            # Its end may lie before what was subscribed to. All of it is told anew, up to there for us alone.
            await made.unsubscribe()
            followed.after = before.version if before is not None else None
            await self._subscribe(activity, pull_point, 1)
        return followed

    async def _subscribe(self, activity: Reference, pull_point: PullPoint, sequence: int | None) -> Subscription:
        wanted = self._wanted.copy()
        if sequence is not None:
            wanted["from_sequence"] = sequence
        return await subscribe(self._exchange, activity, pull_point.reference, **wanted)

    async def _state(self, activity: Reference) -> State:
        return await Outputs(self._exchange, activity).state()

    def _tells(self, event: Event) -> bool:
        followed = self._followed.get(event.activity_id)
        if not self._recent.is_new(event):
            return False
        if followed is None:
            return True
        followed.over = followed.over or isinstance(event, Terminated) or (event.ended and not self._follow)
        return followed.tells(event)


def chosen(
    topics: str | Iterable[str] | None, content: str | None, namespaces: Mapping[str, str] | None
) -> Subscribing:
    """Return what is to be told, as a subscription has it."""
    several = topics if topics is None or isinstance(topics, str) else tuple(topics)
    return {"topics": several, "content": content, "namespaces": namespaces or {}}


def _created(response: etree._Element) -> Reference:
    """Read wsnt:CreatePullPointResponse."""
    element = response.find(f"{{{ns.WSNT}}}PullPoint")
    if element is None:
        raise ValueError("it has no endpoint reference")
    return Reference.of(element)


def _fetched(response: etree._Element) -> tuple[list[Event], int]:
    """Read wsnt:GetMessagesResponse."""
    last = value(response, "Last", int)
    if last is None:
        raise ValueError("it has no act:Last: is it a pull point of another kind?")
    return read_messages(response), last
