"""The statements about subscriptions and pull points, and about the log as they read it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)

from wsrf_activity.model.events import Logged
from wsrf_activity.model.subscriptions import Pulled, PullPoint, Subscription
from wsrf_activity.store import codec
from wsrf_activity.store.base import Horizon
from wsrf_activity.store.notices import Notice
from wsrf_activity.store.prepared import Prepared, among, bound
from wsrf_activity.store.tables import departed, pull_point, pulled, subscription
from wsrf_activity.store.tables import event as event_log
from wsrf_activity.store.unwritten import Statements, Unwritten

_BATCH = 1000  #: that expire in one transaction
_PART = 500  #: ids in one query


class Subscriptions(Statements):
    """The statements on one connection."""

    def __init__(
        self, connection: Connection, notices: list[Notice] | None, unwritten: Unwritten | None = None
    ) -> None:
        """Work in the transaction of ``connection``; ``notices`` gets what other servers are to hear of it."""
        super().__init__(connection, unwritten)
        self._notices = notices

    def add(self, added: Subscription) -> None:
        """Add a subscription."""
        _ADD.change(self._connection, codec.subscription_row(added))
        self._announce(Notice(subscription=added.id, deadline=added.terminates))

    def get(self, subscription_id: str) -> Subscription | None:
        """Return a subscription, expired or not, that is about to be changed."""
        row = _GET_TO_CHANGE.first(self._connection, {"of": subscription_id})
        return None if row is None else codec.read_subscription(row)

    def some(self, ids: Collection[str] | None = None) -> Sequence[Subscription]:
        """Return those of these subscriptions that there are; all where none are named."""
        found = _ALL.all(self._connection, {}) if ids is None else _SOME.all(self._connection, {"ids": list(ids)})
        return [codec.read_subscription(row) for row in found]

    def save(self, new: Subscription) -> None:
        """Write all of a subscription that ``get`` has returned but its position, which only rises."""
        row = codec.subscription_row(new)
        row.pop("position")
        self._connection.execute(update(subscription).where(subscription.c.id == new.id).values(**row))
        self._announce(Notice(subscription=new.id, deadline=new.terminates))

    def advance(self, positions: Iterable[tuple[str, int, int]]) -> None:
        """Note for subscriptions, by id, up to where they have been told, and with how many messages more."""
        rows = [{"of": id_, "to": position, "more": more} for id_, position, more in positions]
        if rows:
            _ADVANCE.change_many(self._connection, rows)

    def remove(self, condition: ColumnElement[bool], most: int | None = None) -> Sequence[str]:
        """Delete subscriptions, and what of the log was kept for them; return which.

        Locked in one order, as in ``advance``, so that two who are at it wait for each other once, and asked for the
        condition again once they are locked: one may just have been renewed.
        """
        columns = subscription.c
        chosen = select(columns.id).where(condition).order_by(columns.id).limit(most).with_for_update()
        gone = delete(subscription).where(columns.id.in_(chosen))
        rows = self._connection.execute(gone.returning(columns.id, columns.owner, columns.activity_id)).all()
        self._forget(departed.c.activity_id.in_([row.activity_id for row in rows if row.activity_id is not None]))
        self.forget_departed({row.owner for row in rows if row.activity_id is None})
        self._announce(*(Notice(subscription=row.id) for row in rows))
        return [row.id for row in rows]

    def remove_one(self, subscription_id: str) -> bool:
        """Delete a subscription; False where there is none."""
        return bool(self.remove(subscription.c.id == subscription_id))

    def remove_expired(self, now: datetime) -> Sequence[str]:
        """Delete some subscriptions and pull points whose time is over; return all subscriptions that are gone."""
        columns = pull_point.c
        due = select(columns.id).where(columns.terminates <= now).order_by(columns.id).limit(_BATCH).with_for_update()
        gone: list[str] = []
        for pull_point_id in self._connection.execute(due).scalars().all():
            gone += self.remove_pull_point(pull_point_id) or ()
        gone += self.remove(subscription.c.terminates <= now, _BATCH)
        # An activity may have gone at the same time as the last who was to hear of it, neither knowing of the other.
        self.forget_departed(self.departed_owners())
        return gone

    def next_deadline(self) -> datetime | None:
        """Return when the next subscription or pull point expires."""
        queries = (select(func.min(table.c.terminates)) for table in (subscription, pull_point))
        times = (self._connection.execute(query).scalar() for query in queries)
        return min((time for time in times if time is not None), default=None)

    def count(self, owner: str) -> int:
        """Return how many subscriptions an owner has."""
        return int(_COUNT.scalar(self._connection, {"of": owner}))

    # The log.

    def last(self, activity_id: str | None) -> int:
        """Return where the log ends now, for a new subscription."""
        if activity_id is None:
            return int(_LAST.scalar(self._connection, {}))
        return int(_LAST_OF_ACTIVITY.scalar(self._connection, {"of": activity_id}))

    def before(self, activity_id: str, sequence: int) -> int:
        """Return the position from which an activity's log is read on with ``sequence``."""
        return int(_BEFORE.scalar(self._connection, {"of": activity_id, "before": sequence}))

    def last_of(self, activity_id: str, count: int) -> Sequence[tuple[int, int]]:
        """Return the ids and the sequence numbers of an activity's last events, in order."""
        rows = _LAST_EVENTS.all(self._connection, {"of": activity_id, "most": count})
        return [(row["id"], row["sequence"]) for row in reversed(rows)]

    def of_activity(self, activity_id: str, after: int, limit: int) -> Sequence[Logged]:
        """Return an activity's events beyond a place among them, in order."""
        values = {"of": activity_id, "after": after, "most": limit}
        return [codec.read_event(row) for row in _OF_ACTIVITY.all(self._connection, values)]

    def of_owner(self, owner: str, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return the ids beyond one of the events of all of an owner's activities, and whose they are, in order."""
        rows = _OF_OWNER.all(self._connection, {"of": owner, "after": after, "most": limit})
        return [(row["id"], row["activity_id"]) for row in rows]

    def horizon(self) -> Horizon:
        """Return how far the log is settled; on SQLite, which has one writer, whatever there is."""
        last = self.last(None)  # first: whoever has a lower id and is not to be seen here holds its lock by now
        return Horizon(last, self.writers())

    def writers(self) -> Collection[str]:
        """Return the transactions that have written to the log and are under way; on SQLite, which has one, none."""
        if self._connection.dialect.name == "sqlite":
            return ()
        return set(self._connection.execute(_WRITERS).scalars())

    def depart(self, owners: Mapping[str, str]) -> Collection[str]:
        """Return which activities, given with their owners, have somebody who is to hear of their end."""
        if not owners:
            return ()
        if self._connection.dialect.name != "sqlite":
            self._connection.execute(_BE_A_WRITER)  # who subscribes just now, and is not seen here, waits for us
        to_one = _TO_ONE.all(self._connection, {"ids": list(owners)})
        to_all = _TO_ALL.all(self._connection, {"owners": list(set(owners.values()))})
        named, everything = {row["activity_id"] for row in to_one}, {row["owner"] for row in to_all}
        return {activity_id for activity_id, owner in owners.items() if activity_id in named or owner in everything}

    def departed(self, activity_ids: Collection[str]) -> None:
        """Note that the logs of activities that are gone are still there."""
        if activity_ids:
            columns = event_log.c
            lasts = select(columns.activity_id, columns.owner, func.max(columns.id)).group_by(
                columns.activity_id, columns.owner
            )
            lasts = lasts.where(columns.activity_id.in_(activity_ids))
            self._connection.execute(insert(departed).from_select(["activity_id", "owner", "last"], lasts))

    def forget_departed(self, owners: Collection[str]) -> None:
        """Delete what is left of these owners' activities that are gone, as far as nobody is owed it any more."""
        columns = subscription.c
        for owner in owners:
            floor = select(func.min(columns.position)).where(columns.owner == owner, columns.activity_id.is_(None))
            told = self._connection.execute(floor).scalar()
            which = departed.c.owner == owner
            self._forget(which if told is None else and_(which, departed.c.last <= told))

    def _forget(self, which: ColumnElement[bool]) -> None:
        """Delete what is left of some activities that are gone, but for what somebody is owed."""
        columns = subscription.c
        # Two questions, each with its own index: one with "or" in it looks at all that the owner has, for each row.
        owed = select(columns.id).where(columns.owner == departed.c.owner, columns.position < departed.c.last)
        by_one = exists(owed.where(columns.activity_id == departed.c.activity_id))
        by_all = exists(owed.where(columns.activity_id.is_(None)))
        query = delete(departed).where(which, ~by_one, ~by_all).returning(departed.c.activity_id)
        gone = self._connection.execute(query).scalars().all()
        for start in range(0, len(gone), _PART):
            self._connection.execute(delete(event_log).where(event_log.c.activity_id.in_(gone[start : start + _PART])))

    def departed_owners(self, told: Sequence[str] | None = None) -> Collection[str]:
        """Return whose activities have left something in the log; with ``told``, of the owners who have one of these
        subscriptions to all of their activities.
        """
        if told is None:
            return self._connection.execute(select(departed.c.owner).distinct()).scalars().all()
        columns, owners = subscription.c, set[str]()
        for start in range(0, len(told), _PART):
            query = select(columns.owner).where(columns.id.in_(told[start : start + _PART]))
            left = exists(select(departed.c.owner).where(departed.c.owner == columns.owner))
            query = query.where(columns.activity_id.is_(None), left)
            owners.update(self._connection.execute(query.distinct()).scalars())
        return sorted(owners)

    # Pull points.

    def add_pull_point(self, added: PullPoint) -> None:
        """Add a pull point."""
        row = {name: getattr(added, name) for name in ("id", "owner", "created", "terminates")}
        self._connection.execute(insert(pull_point), row)
        self._announce(Notice(deadline=added.terminates))

    def get_pull_point(self, pull_point_id: str, *, keep: bool = False) -> PullPoint | None:
        """Return a pull point, expired or not; with ``keep`` it stays until the transaction ends."""
        query = select(pull_point).where(pull_point.c.id == pull_point_id)
        row = self._connection.execute(query.with_for_update() if keep else query).mappings().first()
        return None if row is None else PullPoint(**row)

    def count_pull_points(self, owner: str) -> int:
        """Return how many pull points an owner has."""
        query = select(func.count()).where(pull_point.c.owner == owner)
        return int(self._connection.execute(query).scalar_one())

    def use_pull_point(self, pull_point_id: str, terminates: datetime | None) -> None:
        """Move the time of a pull point that was used."""
        statement = update(pull_point).where(pull_point.c.id == pull_point_id).values(terminates=terminates)
        self._connection.execute(statement)

    def remove_pull_point(self, pull_point_id: str) -> Sequence[str] | None:
        """Delete a pull point, what is in it, and the subscriptions that fill it; return those, None where it is gone.

        Its own row comes first, as with all who put into it: what they have put is then seen here, or nothing is put.
        """
        if self._connection.execute(delete(pull_point).where(pull_point.c.id == pull_point_id)).rowcount != 1:
            return None
        self._connection.execute(delete(pulled).where(pulled.c.pull_point == pull_point_id))
        self._announce(Notice(pull_point=pull_point_id))
        return self.remove(subscription.c.pull_point == pull_point_id)

    def put(self, pull_point_id: str, contents: Sequence[bytes], most: int, size: int) -> bool:
        """Put messages into a pull point; False where it would have more than ``most`` of them, or of ``size`` bytes.

        One message always fits into an empty one. False, too, where there is no such pull point.
        """
        lock = select(pull_point.c.id).where(pull_point.c.id == pull_point_id).with_for_update()
        if self._connection.execute(lock).first() is None:
            return False
        total = select(func.count(), func.coalesce(func.sum(func.length(pulled.c.content)), 0))
        count, bytes_ = self._connection.execute(total.where(pulled.c.pull_point == pull_point_id)).one()
        if count and (count + len(contents) > most or bytes_ + sum(map(len, contents)) > size):
            return False
        self._connection.execute(
            insert(pulled), [{"pull_point": pull_point_id, "content": content} for content in contents]
        )
        self._announce(Notice(pull_point=pull_point_id))
        return True

    def pulled(self, pull_point_id: str, most: int, size: int) -> Sequence[Pulled]:
        """Return the oldest messages of a pull point: at most so many, and beyond the first at most ``size`` bytes."""
        mine, number = pulled.c.pull_point == pull_point_id, pulled.c.number
        lengths = select(number, func.length(pulled.c.content)).where(mine).order_by(number).limit(most)
        last, total = 0, 0
        for each, length in self._connection.execute(lengths):
            total += length
            if last and total > size:
                break
            last = each
        query = select(number, pulled.c.content).where(mine, number <= last).order_by(number)
        return [Pulled(*row) for row in self._connection.execute(query)]

    def drop(self, pull_point_id: str, up_to: int) -> bool:
        """Delete messages that have been fetched; return whether there were any."""
        numbers = and_(pulled.c.pull_point == pull_point_id, pulled.c.number <= up_to)
        dropped = self._connection.execute(delete(pulled).where(numbers)).rowcount > 0
        if dropped:
            self._announce(Notice(pull_point=pull_point_id))
        return dropped

    def fill(self, pull_point_id: str) -> Sequence[str]:
        """Return the subscriptions that fill a pull point."""
        query = select(subscription.c.id).where(subscription.c.pull_point == pull_point_id)
        return self._connection.execute(query).scalars().all()

    def _announce(self, *notices: Notice) -> None:
        if self._notices is not None:
            self._notices.extend(notices)


_TO_ONE = Prepared(select(subscription.c.activity_id).where(among(subscription.c.activity_id, "ids")).distinct())
_TO_ALL = Prepared(
    select(subscription.c.owner)
    .where(among(subscription.c.owner, "owners"), subscription.c.activity_id.is_(None))
    .distinct()
)
_ONE = subscription.c.id == bindparam("of", type_=String())
_ADD = Prepared(insert(subscription).values(**bound(subscription)).inline())
_GET_TO_CHANGE = Prepared(select(subscription).where(_ONE).with_for_update())
_ALL = Prepared(select(subscription).order_by(subscription.c.id))
_SOME = Prepared(select(subscription).where(among(subscription.c.id, "ids")).order_by(subscription.c.id))
_COUNT = Prepared(
    select(func.count()).select_from(subscription).where(subscription.c.owner == bindparam("of", type_=String()))
)
_ADVANCE = Prepared(
    update(subscription)
    .where(_ONE, subscription.c.position <= bindparam("to", type_=BigInteger()))
    .values(
        position=bindparam("to", type_=BigInteger()),
        delivered=subscription.c.delivered + bindparam("more", type_=BigInteger()),
    )
)
_MINE = event_log.c.activity_id == bindparam("of", type_=String())
_AFTER = bindparam("after", type_=BigInteger())
_MOST = bindparam("most", type_=BigInteger())
_END = select(func.coalesce(func.max(event_log.c.id), 0))
_LAST = Prepared(_END)
_LAST_OF_ACTIVITY = Prepared(_END.where(_MINE))
_BEFORE = Prepared(_END.where(_MINE, event_log.c.sequence < bindparam("before", type_=BigInteger())))
_OF_ACTIVITY = Prepared(
    select(event_log).where(_MINE, event_log.c.sequence > _AFTER).order_by(event_log.c.sequence).limit(_MOST)
)
_LAST_EVENTS = Prepared(
    select(event_log.c.id, event_log.c.sequence)
    .where(event_log.c.activity_id == bindparam("of"))
    .order_by(event_log.c.sequence.desc())
    .limit(bindparam("most"))
)
_OF_OWNER = Prepared(
    select(event_log.c.id, event_log.c.activity_id)
    .where(event_log.c.owner == bindparam("of", type_=String()), event_log.c.id > _AFTER)
    .order_by(event_log.c.id)
    .limit(_MOST)
)
_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'event'::regclass "
    "AND mode = 'RowExclusiveLock' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_BE_A_WRITER = text("LOCK TABLE event IN ROW EXCLUSIVE MODE")
