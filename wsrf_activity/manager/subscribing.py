"""The use cases of WS-BaseNotification: subscribe, manage subscriptions, fetch from pull points."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wsrf_activity.manager.eventlog import replay
from wsrf_activity.manager.ledger import Ledger
from wsrf_activity.manager.requests import Rules
from wsrf_activity.manager.telling import PULLED, PULLED_BYTES
from wsrf_activity.model import ns
from wsrf_activity.model.activity import Activity, new_id
from wsrf_activity.model.errors import (
    NoSuchPullPoint,
    NoSuchSubscription,
    Refused,
    RenewalRejected,
    SubscribeRefused,
    TerminationTimeRejected,
    TooBusy,
    UnsupportedPolicy,
)
from wsrf_activity.model.events import Change
from wsrf_activity.model.filters import Filter
from wsrf_activity.model.identity import Principal
from wsrf_activity.model.lifetime import LifetimePolicy, Requested, add
from wsrf_activity.model.subscriptions import Pulled, PullPoint, SubscribeRequest, Subscription, going_well
from wsrf_activity.model.topics import TopicSpace
from wsrf_activity.store import Records

_AT_ONCE = 256  #: messages that one GetMessages returns, where the client names no number or a larger one
_AT_ONCE_BYTES = 4 << 20  #: of those messages, unless one alone has more
_LOOKS, _PAUSE = 100, 0.02  #: at transactions that are under way, and seconds between two
_AGAIN = timedelta(minutes=1)  #: after which a pull point that could not take a message may be tried again

Visible = Callable[[Principal, Activity | None], Activity]


@dataclass(frozen=True, slots=True)
class Publishing:
    """What can be subscribed to, and who may be told."""

    topics: TopicSpace
    check_consumer: Callable[[str], Awaitable[object]]  #: raises Refused for an address that is not called


class Subscriptions:
    """What a caller can do about notifications. Nobody sees what is another's."""

    def __init__(
        self,
        ledger: Ledger,
        rules: Rules,
        publishing: Publishing,
        visible: Visible,
    ) -> None:
        """Keep the rules; ``visible`` raises NoSuchActivity for an activity that the caller may not see."""
        self.changed: Callable[[str], None] = lambda subscription_id: None  #: told of each that was made or changed
        self._ledger = ledger
        self._limits = rules.limits
        self._lifetime = rules.lifetime
        self._visible = visible
        self._publishing = publishing
        self._fetching: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._stopping = False

    def release(self) -> None:
        """Answer all who wait for messages: the server stops."""
        self._stopping = True
        self.all_filled()

    def all_filled(self) -> None:
        """Have all who wait for messages look for some."""
        for pull_point_id in list(self._fetching):
            self.filled(pull_point_id)

    def filled(self, pull_point_id: str) -> None:
        """Hear that messages have come to a pull point, or have gone from it."""
        for event in self._fetching.get(pull_point_id, ()):
            event.set()

    async def subscribe(self, caller: Principal, request: SubscribeRequest, activity_id: str | None) -> Subscription:
        """Subscribe to an activity, or to all of the caller's (WS-BaseNotification 1.3, section 4.2).

        Raises NoSuchActivity, what ``Filter.of`` raises, UnsupportedPolicy, InitialTerminationTimeRejected and
        SubscribeRefused.
        """
        if request.policy.from_sequence is not None and activity_id is None:
            name = f"{{{ns.ACT}}}FromSequence"
            raise UnsupportedPolicy("act:FromSequence counts the events of one activity: subscribe to that", name)
        made = await self._made(caller, request, activity_id)
        stored = await self._ledger.database.change(lambda records: self.add(records, caller, made))
        self.tell(stored)
        if activity_id is None:
            await self._await_writers()
        return stored

    async def from_the_first(
        self, caller: Principal, requests: Sequence[SubscribeRequest], activity_id: str
    ) -> tuple[Subscription, ...]:
        """Return subscriptions to an activity that is about to be created, from its first event on.

        Raises as ``subscribe``. Whoever creates it adds them in the same transaction (``add``), and then tells of them.
        """
        made = [await self._made(caller, request, activity_id) for request in requests]
        return tuple(replace(each, policy=replace(each.policy, from_sequence=1)) for each in made)

    async def _made(self, caller: Principal, request: SubscribeRequest, activity_id: str | None) -> Subscription:
        Filter.of(request.filter, self._publishing.topics)
        await self._check_consumer(caller, request)
        now = self._ledger.clock()
        return Subscription(
            id=new_id(),
            owner=caller.name,
            activity_id=activity_id,
            consumer=request.consumer,
            filter=request.filter,
            policy=request.policy,
            created=now,
            terminates=self._policy(caller).initial(request.lifetime, now),
            pull_point=request.pull_point,
            confirmed=not request.policy.verify or request.pull_point is not None,
        )

    async def get(self, caller: Principal, subscription_id: str) -> Subscription:
        """Return a subscription of the caller's; raises NoSuchSubscription."""
        found = await self._ledger.database.read(lambda records: records.subscriptions.some([subscription_id]))
        return self._own(caller, found[0] if found else None)

    async def renew(
        self, caller: Principal, subscription_id: str, requested: Requested
    ) -> tuple[Subscription, datetime]:
        """Change when a subscription ends, and try again where its delivery was given up (section 6.1.1).

        Raises NoSuchSubscription, RenewalRejected.
        """
        now = self._ledger.clock()
        try:
            terminates = self._policy(caller).change(requested, now)
        except TerminationTimeRejected as rejected:
            raise RenewalRejected(rejected.description, rejected.earliest, rejected.latest) from None
        renewed = await self._change(
            caller, subscription_id, lambda old: going_well(replace(old, terminates=terminates))
        )
        return renewed, now

    async def set_termination(
        self, caller: Principal, subscription_id: str, requested: Requested
    ) -> tuple[Subscription, datetime]:
        """Change when a subscription ends (WS-ResourceLifetime 1.2).

        Raises NoSuchSubscription, TerminationTimeRejected.
        """
        now = self._ledger.clock()
        terminates = self._policy(caller).change(requested, now)
        return await self._change(caller, subscription_id, lambda old: replace(old, terminates=terminates)), now

    async def pause(self, caller: Principal, subscription_id: str) -> Subscription:
        """Deliver nothing until ``resume``; what happens meanwhile is kept (section 6.2.2)."""
        return await self._change(caller, subscription_id, lambda old: replace(old, paused=True))

    async def resume(self, caller: Principal, subscription_id: str) -> Subscription:
        """Deliver all that is owed, also where that had been given up (section 6.2.3)."""
        return await self._change(caller, subscription_id, lambda old: going_well(replace(old, paused=False)))

    async def unsubscribe(self, caller: Principal, subscription_id: str) -> None:
        """Remove a subscription with what it was owed; raises NoSuchSubscription."""
        await self.get(caller, subscription_id)
        if not await self._ledger.database.change(lambda records: records.subscriptions.remove_one(subscription_id)):
            raise NoSuchSubscription
        self.changed(subscription_id)

    async def history(self, caller: Principal, activity_id: str) -> AsyncIterator[Sequence[Change]]:
        """Return all that was ever told of an activity, in parts, for GetCurrentMessage; raises NoSuchActivity."""
        known = await self._ledger.database.read(lambda records: records.get(activity_id))
        self._visible(caller, known)
        return replay(self._ledger.database, activity_id)

    async def create_pull_point(self, caller: Principal) -> PullPoint:
        """Make a queue for messages; it lives for a while after each use. Raises TooBusy."""
        now = self._ledger.clock()
        made = PullPoint(id=new_id(), owner=caller.name, created=now, terminates=self._kept(now))

        def transaction(records: Records) -> bool:
            if records.subscriptions.count_pull_points(caller.name) >= self._limits.pull_points:
                return False
            records.subscriptions.add_pull_point(made)
            return True

        if not await self._ledger.database.change(transaction):
            raise TooBusy(f"at most {self._limits.pull_points} pull points at a time; destroy one", _AGAIN)
        self._ledger.deadline_moved(made.terminates or now)
        return made

    async def destroy_pull_point(self, caller: Principal, pull_point_id: str) -> None:
        """Remove a pull point with what is in it and the subscriptions that fill it; raises NoSuchPullPoint."""
        await self._pull_point(caller, pull_point_id)
        filling = await self._ledger.database.change(
            lambda records: records.subscriptions.remove_pull_point(pull_point_id)
        )
        if filling is None:
            raise NoSuchPullPoint
        self.filled(pull_point_id)
        self._tell_of_room(filling)

    async def pulled(
        self,
        caller: Principal,
        pull_point_id: str,
        most: int | None = None,
        timeout: timedelta | None = None,
        acknowledged: int | None = None,
    ) -> Sequence[Pulled]:
        """Return messages of a pull point, the oldest first (section 5.2), at once or as soon as there is one.

        With ``acknowledged``, the number of the last message that arrived, nothing is removed but up to there: an
        answer that is lost is given again. Without it what is returned is removed. Raises NoSuchPullPoint.
        """
        await self._pull_point(caller, pull_point_id)
        if acknowledged is not None:
            await self._drop(pull_point_id, acknowledged)
        seconds = max(0.0, min(timeout or timedelta(0), self._limits.wait).total_seconds())
        wanted = _AT_ONCE if most is None else min(most, _AT_ONCE)
        with self._waiting(pull_point_id) as event:
            until = asyncio.get_running_loop().time() + seconds
            found = await self._fetch(pull_point_id, wanted, acknowledged is None)
            while not found and wanted and not self._stopping:
                try:
                    async with asyncio.timeout_at(until):  # not while fetching: what that removes has to be returned
                        await event.wait()
                except TimeoutError:
                    break
                event.clear()
                await self._pull_point(caller, pull_point_id)
                found = await self._fetch(pull_point_id, wanted, acknowledged is None)
        return found

    async def put(self, caller: Principal, pull_point_id: str, messages: Sequence[bytes]) -> None:
        """Put messages of another producer into a pull point; raises NoSuchPullPoint, TooBusy where it is full."""
        await self._pull_point(caller, pull_point_id)
        if not await self._ledger.database.change(
            lambda records: records.subscriptions.put(pull_point_id, messages, PULLED, PULLED_BYTES)
        ):
            raise TooBusy("the pull point is full: fetch its messages first", _AGAIN)
        self.filled(pull_point_id)

    def add(self, records: Records, caller: Principal, made: Subscription) -> Subscription:
        """Store a subscription at its place in the log; raises SubscribeRefused, NoSuchActivity."""
        subscriptions = records.subscriptions
        if subscriptions.count(caller.name) >= self._limits.subscriptions:
            raise SubscribeRefused(f"at most {self._limits.subscriptions} subscriptions at a time; unsubscribe first")
        if made.activity_id is not None:
            # Locked, so that it cannot go in between: then nobody would tell of its end.
            self._visible(caller, records.get_to_change(made.activity_id))
        if made.pull_point is not None and subscriptions.get_pull_point(made.pull_point, keep=True) is None:
            raise SubscribeRefused("the pull point has just been destroyed")
        sequence = made.policy.from_sequence
        if made.activity_id is not None and sequence is not None:
            position = subscriptions.before(made.activity_id, sequence)
        else:
            position = subscriptions.last(made.activity_id)
        placed = replace(made, position=position)
        subscriptions.add(placed)
        return placed

    async def _await_writers(self) -> None:
        """Return when what was being written at the time of a new subscription is committed, before that is answered.

        An id of theirs may be lower than where the subscription begins, and what happens after the answer is owed.
        """
        reads = self._ledger.database.read
        writers = set(await reads(lambda records: records.subscriptions.writers()))
        for _ in range(_LOOKS):
            if not writers:
                return
            await asyncio.sleep(_PAUSE)
            writers &= set(await reads(lambda records: records.subscriptions.writers()))

    async def _check_consumer(self, caller: Principal, request: SubscribeRequest) -> None:
        try:
            if request.pull_point is not None:
                await self._pull_point(caller, request.pull_point)
            else:
                await self._publishing.check_consumer(request.consumer.address)
        except (Refused, NoSuchPullPoint) as refusal:
            raise SubscribeRefused(refusal.description) from None

    async def _change(
        self, caller: Principal, subscription_id: str, step: Callable[[Subscription], Subscription]
    ) -> Subscription:
        def transaction(records: Records) -> Subscription:
            new = step(self._own(caller, records.subscriptions.get(subscription_id)))
            records.subscriptions.save(new)
            return new

        changed = await self._ledger.database.change(transaction)
        self.tell(changed)
        return changed

    def tell(self, subscription: Subscription) -> None:
        """Have a stored subscription looked after."""
        self.changed(subscription.id)
        if subscription.terminates is not None:
            self._ledger.deadline_moved(subscription.terminates)

    def _own(self, caller: Principal, found: Subscription | None) -> Subscription:
        if found is None or found.owner != caller.name or found.expired(self._ledger.clock()):
            raise NoSuchSubscription
        return found

    async def _pull_point(self, caller: Principal, pull_point_id: str) -> PullPoint:
        found = await self._ledger.database.read(lambda records: records.subscriptions.get_pull_point(pull_point_id))
        if found is None or found.owner != caller.name or found.expired(self._ledger.clock()):
            raise NoSuchPullPoint
        return found

    async def _fetch(self, pull_point_id: str, most: int, drop: bool) -> Sequence[Pulled]:
        kept = self._kept(self._ledger.clock())

        def transaction(records: Records) -> tuple[Sequence[Pulled], Sequence[str]]:
            subscriptions = records.subscriptions
            subscriptions.use_pull_point(pull_point_id, kept)
            found = subscriptions.pulled(pull_point_id, most, _AT_ONCE_BYTES)
            dropped = drop and found and subscriptions.drop(pull_point_id, found[-1].number)
            return found, subscriptions.fill(pull_point_id) if dropped else ()

        return await self._make_room(transaction)

    async def _drop(self, pull_point_id: str, up_to: int) -> None:
        def transaction(records: Records) -> tuple[Sequence[Pulled], Sequence[str]]:
            dropped = records.subscriptions.drop(pull_point_id, up_to)
            return (), records.subscriptions.fill(pull_point_id) if dropped else ()

        await self._make_room(transaction)

    async def _make_room(
        self, transaction: Callable[[Records], tuple[Sequence[Pulled], Sequence[str]]]
    ) -> Sequence[Pulled]:
        """Commit, and tell of the room that was made also where the client has hung up meanwhile."""

        async def made() -> Sequence[Pulled]:
            found, waiting = await self._ledger.database.change(transaction)
            self._tell_of_room(waiting)
            return found

        return await asyncio.shield(asyncio.ensure_future(made()))

    def _tell_of_room(self, subscription_ids: Sequence[str]) -> None:
        """Tell of subscriptions whose pull point has room, or is no more."""
        for subscription_id in subscription_ids:
            self.changed(subscription_id)

    @contextmanager
    def _waiting(self, pull_point_id: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._fetching[pull_point_id].add(event)
        try:
            yield event
        finally:
            self._fetching[pull_point_id].discard(event)
            if not self._fetching[pull_point_id]:
                del self._fetching[pull_point_id]

    def _policy(self, caller: Principal) -> LifetimePolicy:
        return self._lifetime.bounded(caller.maximum)

    def _kept(self, now: datetime) -> datetime:
        return add(now, self._lifetime.keep)
