"""The statements: every read and every change of the database, named. Each runs in its caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.events import TERMINATED, Event, Termination
from wsrf_activity.model.listing import Filter, Page, Upload
from wsrf_activity.model.phases import ENDED, Phase
from wsrf_activity.store import codec
from wsrf_activity.store.families import SAVE, Families
from wsrf_activity.store.known import Known
from wsrf_activity.store.listing import listing
from wsrf_activity.store.notices import Notice
from wsrf_activity.store.prepared import Prepared, among, bound
from wsrf_activity.store.servers import Servers
from wsrf_activity.store.subscriptions import Subscriptions
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import activity_group as groups
from wsrf_activity.store.tables import event as event_log
from wsrf_activity.store.tables import removal, upload
from wsrf_activity.store.unwritten import Statements, Unwritten, join_groups, log, write_new


class Records(Statements):
    """The statements on one connection."""

    def __init__(
        self,
        connection: Connection,
        notices: list[Notice] | None = None,
        known: Known | None = None,
        unwritten: Unwritten | None = None,
    ) -> None:
        """Work in the transaction of ``connection``; ``notices`` gets what other servers are to hear of it.

        With ``known`` nothing is changed here, and what is known already is not read again. With ``unwritten``, which
        the caller writes before the commit, what is added is put off.
        """
        super().__init__(connection, unwritten)
        self._notices = notices
        self._known = known

    def get(self, activity_id: str) -> Activity | None:
        """Return an activity, expired or not."""
        return self._read(activity_id) if self._known is None else self._known.get(activity_id, self._read)

    def _read(self, activity_id: str) -> Activity | None:
        row = _GET.first(self._connection, {"id": activity_id})
        return None if row is None else codec.read_activity(row)

    def get_to_change(self, activity_id: str) -> Activity | None:
        """Return an activity that is about to be saved. Others who mean to change it wait, where the database can
        make them: without that, many on one activity would get in each other's way again and again.
        """
        row = _GET_TO_CHANGE.first(self._connection, {"id": activity_id})
        return None if row is None else codec.read_activity(row)

    def get_many(self, activity_ids: Sequence[str]) -> Mapping[str, Activity]:
        """Return those of these activities that there are, expired or not, by id."""
        return self.families.get(activity_ids)

    def by_request(self, owner: str, request_id: str) -> Activity | None:
        """Return the activity that a request id of this owner has started."""
        row = _BY_REQUEST.first(self._connection, {"owner": owner, "request_id": request_id})
        return None if row is None else codec.read_activity(row)

    def insert(self, activity: Activity, events: Sequence[Event]) -> bool:
        """Add an activity; False where another transaction took its request id first."""
        if activity.request_id is None:
            self._add([activity], events)
        else:
            if _INSERT.change(self._connection, codec.activity_row(activity)) != 1:
                return False
            join_groups(self._connection, [activity])
            self.log(events)
        self._announce(activity)
        return True

    def save(self, old: Activity, new: Activity, events: Sequence[Event]) -> bool:
        """Write the next version of an activity; False where it has changed since ``old`` was read."""
        if new is old:
            return True
        values = {**codec.activity_row(new), **codec.as_it_was(old)}
        changed = SAVE.change(self._connection, values) == 1
        if changed:
            if new.groups != old.groups:
                _LEAVE_GROUPS.change(self._connection, {"ids": [new.id]})
                join_groups(self._connection, [new])
            self.log(events)
            self._announce(new)
        return changed

    def insert_many(self, added: Sequence[Activity], events: Sequence[Event]) -> None:
        """Add activities that nobody can know yet, so that other servers hear no more than that there is work."""
        if added:
            self._add(added, events)
            if any(activity.phase is Phase.QUEUED for activity in added):
                self.tell_of_queue()

    def _add(self, added: Sequence[Activity], events: Sequence[Event]) -> None:
        if self._unwritten is None:
            write_new(self._connection, added, events)
        else:
            self._unwritten.add(added, events)

    def save_many(self, pairs: Sequence[tuple[Activity, Activity]], events: Sequence[Event]) -> bool:
        """Write the next version of each, whose groups stay; False where one has changed since it was read."""
        if not pairs:
            return True
        if not self.families.save(pairs):
            return False
        self.log(events)
        for _, new in pairs:
            self._announce(new)
        return True

    def remove(
        self, folders: Mapping[str, str], end: Termination, *, expired_by: datetime | None = None
    ) -> Sequence[str]:
        """Delete activities and all that hangs on them; return which, without those that another has removed before.

        ``folders`` has, by id, what is noted as files still to be removed. With ``expired_by`` only what is expired
        at that time goes: a client may have been quick enough to extend it. Events stay where a subscription is owed
        them, with one more that tells of the ``end``.
        """
        remove = _REMOVE if expired_by is None else _REMOVE_EXPIRED
        rows = remove.all(self._connection, {"ids": list(folders), "now": expired_by})
        owners = {row["id"]: row["owner"] for row in rows}
        owed = self.subscriptions.depart(owners)
        told = [row for row in rows if row["id"] in owed]
        self.log([Event(TERMINATED, row["id"], row["owner"], row["version"] + 1, end.time, end) for row in told])
        self.subscriptions.departed(owed)
        gone = list(owners)
        _LEAVE_GROUPS.change(self._connection, {"ids": gone})
        self.families.forget_needs(gone)
        _FORGET_EVENTS.change(self._connection, {"ids": [each for each in gone if each not in owed]})
        self._note_removals(folders[activity_id] for activity_id in gone)
        if self._notices is not None:
            self._notices += [Notice(activity_id) for activity_id in gone]
        return gone

    def list(self, owner: str, wanted: Filter, now: datetime) -> Page:
        """Return a page of an owner's activities, newest first, without what has expired."""
        rows = self._connection.execute(listing(owner, wanted, now)).mappings().all()
        found = tuple(codec.read_activity(row) for row in rows[: wanted.limit])
        more = len(rows) > wanted.limit
        return Page(found, (found[-1].created, found[-1].id) if more and found else None)

    @property
    def subscriptions(self) -> Subscriptions:
        """The statements about subscriptions, pull points, and the log that they read."""
        return Subscriptions(self._bare, self._notices, self._unwritten)

    @property
    def families(self) -> Families:
        """The statements about activities that belong together."""
        return Families(self._bare, self._unwritten)

    @property
    def servers(self) -> Servers:
        """The statements about servers that share this database."""
        return Servers(self._bare, self._unwritten)

    def owners_queued(self) -> Sequence[str]:
        """Return who has work in the queue: one step of the index for each, however long their queues."""
        return [row["owner"] for row in _OWNERS_QUEUED.all(self._connection, {})]

    def next_queued(self, owner: str, count: int, now: datetime) -> Sequence[Activity]:
        """Return an owner's oldest queued activities, locked against other servers where the database can."""
        rows = _NEXT_QUEUED.all(self._connection, {"owner": owner, "now": now, "count": count})
        return [codec.read_activity(row) for row in rows]

    def next_begin(self, now: datetime) -> datetime | None:
        """Return when the first work may begin that is queued for later."""
        begins: datetime | None = _NEXT_BEGIN.scalar(self._connection, {"now": now})
        return begins

    def tell_of_queue(self) -> None:
        """Have other servers look at the queue: there is more in it than was taken, and what this transaction looked
        at was locked against them.
        """
        if self._notices is not None:
            self._notices.append(Notice(queued=True))

    def in_phase(self, phase: Phase) -> Sequence[Activity]:
        """Return every activity in a phase: for recovery at start."""
        query = select(activities).where(activities.c.phase == phase.value)
        return [codec.read_activity(row) for row in self._connection.execute(query).mappings()]

    def over(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of what has ended and whose termination time has come, the longest overdue first."""
        return [row["id"] for row in _OVER.all(self._connection, {"now": now, "count": limit})]

    def expired(self, now: datetime, limit: int, server_id: str | None = None) -> Sequence[Activity]:
        """Return activities whose termination time has come, the longest overdue first.

        With ``server_id`` those are left out that another server executes: it has to end the work. So are those that
        wait for no more than the end of their members, which was asked for.
        """
        query = select(activities).where(activities.c.terminates <= now).order_by(activities.c.terminates).limit(limit)
        if server_id is not None:
            query = query.where(_not_of_others(server_id))
        return [codec.read_activity(row) for row in self._connection.execute(query).mappings()]

    def next_deadline(self, server_id: str | None = None) -> datetime | None:
        """Return when the next thing expires, without activities that another server executes as in ``expired``."""
        first = select(activities.c.terminates).where(activities.c.terminates.is_not(None))
        if server_id is not None:
            first = first.where(_not_of_others(server_id))
        times = (
            self._connection.execute(first.order_by(activities.c.terminates).limit(1)).scalar(),
            self._connection.execute(select(func.min(upload.c.expires))).scalar(),
            self.subscriptions.next_deadline(),
        )
        return min((time for time in times if time is not None), default=None)

    def add_upload(self, added: Upload) -> None:
        """Note an input that was sent ahead."""
        row = {name: getattr(added, name) for name in ("id", "owner", "size", "sha256", "expires")}
        self._connection.execute(insert(upload), row)
        if self._notices is not None:
            self._notices.append(Notice(deadline=added.expires))

    def get_upload(self, upload_id: str) -> Upload | None:
        """Return an input that was sent ahead, expired or not."""
        row = self._connection.execute(select(upload).where(upload.c.id == upload_id)).first()
        return None if row is None else Upload(*row)

    def remove_expired_uploads(self, now: datetime, folder: str) -> int:
        """Delete uploads whose time is over, noting their files below ``folder`` for removal."""
        due = select(upload.c.id).where(upload.c.expires <= now).limit(1000)
        gone = delete(upload).where(upload.c.id.in_(due)).returning(upload.c.id)
        ids = self._connection.execute(gone).scalars().all()
        self._note_removals(f"{folder}/{upload_id}" for upload_id in ids)
        return len(ids)

    def removals(self, after: str, limit: int) -> Sequence[str]:
        """Return paths that are still to be removed, in order, from beyond ``after``."""
        return [row["path"] for row in _REMOVALS.all(self._connection, {"after": after, "count": limit})]

    def removed(self, paths: Sequence[str]) -> None:
        """Forget paths that are gone."""
        _REMOVED.change(self._connection, {"paths": paths})

    def _note_removals(self, paths: Iterable[str]) -> None:
        rows = [{"path": path} for path in paths]
        if rows:
            _NOTE_REMOVAL.change_many(self._connection, rows)

    def _announce(self, activity: Activity) -> None:
        if self._notices is not None:
            self._notices.append(Notice.of(activity))

    def log(self, events: Sequence[Event]) -> None:
        """Write events behind those that their activities have."""
        log(self._connection, events)


# The statements of every activity's way.

#: No error where the key is taken: on PostgreSQL that would cost the whole transaction, or a savepoint for each.
_INSERT = Prepared(
    sqlite.insert(activities).values(bound(activities)).on_conflict_do_nothing(),
    postgresql=postgresql.insert(activities).values(bound(activities)).on_conflict_do_nothing(),
)
_GET_IT = select(activities).where(activities.c.id == bindparam("id"))
_GET = Prepared(_GET_IT)
_GET_TO_CHANGE = Prepared(_GET_IT.with_for_update())
_BY_REQUEST = Prepared(
    select(activities).where(
        activities.c.owner == bindparam("owner"), activities.c.request_id == bindparam("request_id")
    )
)
_LEAVE_GROUPS = Prepared(delete(groups).where(among(groups.c.activity_id, "ids")))
_QUEUED_OWNER = select(func.min(activities.c.owner).label("owner")).where(activities.c.phase == Phase.QUEUED.value)
_OWNERS = _QUEUED_OWNER.cte("owners", recursive=True)
_NEXT_OWNER = _QUEUED_OWNER.where(activities.c.owner > _OWNERS.c.owner).scalar_subquery()
_OWNERS = _OWNERS.union_all(select(_NEXT_OWNER).where(_OWNERS.c.owner.is_not(None)))
_OWNERS_QUEUED = Prepared(select(_OWNERS.c.owner).where(_OWNERS.c.owner.is_not(None)))
_NEXT_QUEUED = Prepared(
    select(activities)
    .where(
        activities.c.phase == Phase.QUEUED.value,
        activities.c.owner == bindparam("owner"),
        or_(activities.c.terminates.is_(None), activities.c.terminates > bindparam("now")),
        or_(activities.c.begins.is_(None), activities.c.begins <= bindparam("now")),
    )
    .order_by(activities.c.created, activities.c.id)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)
#: By the index on termination times: those on phases would have nearly all that is stored.
_OVER = Prepared(
    select(activities.c.id)
    .where(
        activities.c.terminates <= bindparam("now"),
        or_(*(activities.c.phase.concat("") == each.value for each in sorted(ENDED))),
    )
    .order_by(activities.c.terminates)
    .limit(bindparam("count"))
)
_THESE = select(activities.c.id).where(among(activities.c.id, "ids"))
#: Locked in one order, so that two servers that reap at once wait for each other once, and not for ever.
_REMOVE, _REMOVE_EXPIRED = (
    Prepared(
        delete(activities)
        .where(activities.c.id.in_(these.order_by(activities.c.id).with_for_update()))
        .returning(activities.c.id, activities.c.owner, activities.c.version)
    )
    for these in (_THESE, _THESE.where(activities.c.terminates <= bindparam("now")))
)
_FORGET_EVENTS = Prepared(delete(event_log).where(among(event_log.c.activity_id, "ids")))
_NOTE_REMOVAL = Prepared(insert(removal).values(bound(removal)).inline())
_REMOVALS = Prepared(
    select(removal.c.path).where(removal.c.path > bindparam("after")).order_by(removal.c.path).limit(bindparam("count"))
)
_REMOVED = Prepared(delete(removal).where(among(removal.c.path, "paths")))
_NEXT_BEGIN = Prepared(
    select(func.min(activities.c.begins)).where(
        activities.c.begins > bindparam("now"), activities.c.phase == Phase.QUEUED.value
    )
)


def _not_of_others(server_id: str) -> ColumnElement[bool]:
    nobodys = activities.c.holder.is_(None) & activities.c.document["ending"].as_string().is_(None)
    return or_(activities.c.phase != Phase.EXECUTING.value, activities.c.holder == server_id, nobodys)
