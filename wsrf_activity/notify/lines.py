"""What the deliverer knows of each subscription, and how it finds those that news may be for."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from wsrf_activity.model.filters import Filter
from wsrf_activity.model.subscriptions import Delivery, Subscription, going_like, going_well
from wsrf_activity.notify.base import Message
from wsrf_activity.notify.lanes import Lane
from wsrf_activity.notify.owed import Owed

SLOW = 5.0  #: seconds from which on a delivery is slow
MOST_HAD = 10_000  #: messages of which it is known that they were delivered, where the log settles late
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Line:
    """A subscription, and how far its delivery is. Only its task changes it while there is one."""

    subscription: Subscription
    host: str = ""  #: whose places it takes
    filter: Filter | None = None  #: compiled when it is first needed
    owed: Owed | None = None  #: read, not delivered yet; let go of after every problem
    had: dict[str, int] = field(default_factory=dict)  #: delivered beyond the position: event ids, and rows of the log
    task: "asyncio.Task[None] | None" = None
    timer: asyncio.TimerHandle | None = None
    woken: bool = True  #: something may be owed
    stale: bool = False  #: the subscription has to be read anew
    full: bool = False  #: its pull point has no room
    sending: bool = False
    slow: bool = False  #: whether the last delivery was
    count: int = 0  #: messages whose delivery is not noted yet
    unnoted: bool = False  #: whether a position or recovery is not noted yet
    unwritten: bool = False  #: whether a failure is not written yet
    again_at: datetime = _LONG_AGO  #: when the database is asked again
    rests_until: datetime = _LONG_AGO  #: by ``at_most_every``

    def __post_init__(self) -> None:
        """Work out whose places it takes."""
        self.host = self.subscription.pull_point or _host(self.subscription.consumer.address)

    @property
    def lane(self) -> Lane:
        """Where it stands in line."""
        if self.subscription.pull_point is not None:
            return Lane.LOCAL
        return Lane.FAILING if self.subscription.failures or self.slow else Lane.HEALTHY

    def due(self, now: datetime) -> datetime | None:
        """Return when something may be done for it; None: not before it changes."""
        if self.stale or self.unnoted or self.unwritten:
            return self.again_at
        subscription = self.subscription
        dead = subscription.delivery is Delivery.DEAD_LETTER
        if dead or subscription.paused or self.full or subscription.expired(now):
            return None
        return max(self.again_at, self.rests_until, subscription.next_try or _LONG_AGO)

    def delivered(self, messages: Sequence[Message]) -> None:
        """Keep in mind that the consumer has had these, and that it is well."""
        if self.owed is not None:
            self.had.update((message.event_id, self.owed.rows[message.event_id]) for message in messages)
        while len(self.had) > MOST_HAD:
            del self.had[next(iter(self.had))]
        self.unnoted = self.unnoted or self.subscription.failures > 0
        self.subscription = going_well(self.subscription)

    def advance(self) -> bool:
        """Move on to where the log has been read to, if all of that is delivered; return whether that is further.

        The end of an activity is never passed, so that whoever reads on after a crash finds it and removes the
        subscription.
        """
        owed, before = self.owed, self.subscription.position
        if owed is None or owed.over or owed.messages(self.had):
            return False
        owed.clear()
        position = max(before, owed.position)
        self.subscription = replace(self.subscription, position=position)
        self.had = {event_id: row for event_id, row in self.had.items() if row > position}
        return position != before

    @property
    def lags(self) -> bool:
        """Whether its position may move on without anything being delivered, because the log settles later.

        Also where nothing of that was wanted: what is left of activities that are gone is kept until it has.
        """
        return self.owed is not None and not self.owed.over and self.subscription.position < self.owed.read

    def renew(self, fresh: Subscription) -> None:
        """Take what somebody else has written: all but how far and how well the delivery is, unless it begins anew."""
        mine = self.subscription
        if fresh.delivery is not Delivery.ACTIVE:
            fresh = going_like(fresh, mine)
        confirmed = mine.confirmed or fresh.confirmed
        self.subscription = replace(fresh, position=max(mine.position, fresh.position), confirmed=confirmed)
        self.full = False
        self.woken = True
        if fresh.paused:
            self.owed = None  # nobody knows for how long

    def rest(self) -> None:
        """Wait for nothing any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Lines:
    """All subscriptions, by what they are told of."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lines: dict[str, Line] = {}
        self._by_activity: defaultdict[str, set[Line]] = defaultdict(set)
        self._by_owner: defaultdict[str, set[Line]] = defaultdict(set)

    def __iter__(self) -> Iterator[Line]:
        """All, as they are now."""
        return iter(list(self._lines.values()))

    def get(self, subscription_id: str) -> Line | None:
        """Return what is known of a subscription."""
        return self._lines.get(subscription_id)

    def add(self, line: Line) -> None:
        """Add one that is not known yet."""
        self._lines[line.subscription.id] = line
        self._peers(line).add(line)

    def remove(self, line: Line) -> None:
        """Forget one."""
        line.rest()
        del self._lines[line.subscription.id]
        self._peers(line).discard(line)
        activity_id, owner = line.subscription.activity_id, line.subscription.owner
        if activity_id is not None and not self._by_activity[activity_id]:
            del self._by_activity[activity_id]
        if activity_id is None and not self._by_owner[owner]:
            del self._by_owner[owner]

    def clear(self) -> None:
        """Forget all."""
        for line in self:
            self.remove(line)

    def interested(self, activity_id: str, owner: str | None) -> Iterator[Line]:
        """Yield those that may want to hear of an activity; ``owner`` None is one that is not known."""
        yield from self._by_activity.get(activity_id, ())
        if owner is not None:
            yield from self._by_owner.get(owner, ())
        else:
            for lines in self._by_owner.values():
                yield from lines

    def _peers(self, line: Line) -> set[Line]:
        subscription = line.subscription
        if subscription.activity_id is not None:
            return self._by_activity[subscription.activity_id]
        return self._by_owner[subscription.owner]


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:  # it was accepted once; callbacks say what is wrong with it now
        return address
