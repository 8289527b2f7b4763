"""Activities that a transaction adds, put off until a statement could ask for them: those of many are written together.

Between two statements another thread may take the interpreter, and keep it for 5 ms; on a server database each is a
message. So a batch of creations, two statements each, took longer the more there was to do besides.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, Connection, Integer, Text, bindparam, cast, column, func, insert, select

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.events import Event
from wsrf_activity.store import codec
from wsrf_activity.store.prepared import Prepared, PreparedRows, bound
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import activity_group as groups
from wsrf_activity.store.tables import event as event_log
from wsrf_activity.store.tables import micros


class Unwritten:
    """What the transactions that share a connection have added and is not written yet."""

    def __init__(self, connection: Connection) -> None:
        """Begin with nothing. ``write`` has to come before the commit."""
        self._connection = connection
        self._activities: list[Activity] = []
        self._events: list[Event] = []
        self.added = 0  #: activities, written or not
        self.written = 0  #: rows
        self.failed = False  #: whether what was put off could not be written, whosever it was

    def add(self, added: Sequence[Activity], events: Sequence[Event]) -> None:
        """Put off activities that nobody can know yet, and their first events."""
        self._activities += added
        self._events += events
        self.added += len(added)

    def write(self) -> None:
        """Write what was put off."""
        if self._activities:
            try:
                self.written += write_new(self._connection, self._activities, self._events)
            except Exception:
                self.failed = True
                raise
            self._activities, self._events = [], []


class Statements:
    """Statements that run on one connection. All that was put off is written before any of them."""

    def __init__(self, connection: Connection, unwritten: Unwritten | None = None) -> None:
        """Work in the transaction of ``connection``, with what is ``unwritten`` of it."""
        self._bare = connection
        self._unwritten = unwritten

    @property
    def _connection(self) -> Connection:
        """The connection, for a statement: whoever asks for it finds in the tables whatever was added before."""
        if self._unwritten is not None:
            self._unwritten.write()
        return self._bare


def write_new(connection: Connection, added: Sequence[Activity], events: Sequence[Event]) -> int:
    """Write activities that nobody can know yet, with their groups and their first events; return how many rows."""
    _ADD.change_many(connection, [codec.activity_row(each) for each in added])
    joined = join_groups(connection, added)
    if connection.dialect.name == "postgresql":
        log(connection, events)
    elif events:
        told: Counter[str] = Counter()
        _ADD_EVENTS.change_many(connection, [_first_row(event, told) for event in events])
    return len(added) + joined + len(events)


def join_groups(connection: Connection, joining: Sequence[Activity]) -> int:
    """Note to which groups activities belong; return how many notes that are."""
    rows = [
        {"owner": each.owner, "name": name, "created": each.created, "activity_id": each.id}
        for each in joining
        for name in each.groups
    ]
    if rows:
        _JOIN_GROUPS.change_many(connection, rows)
    return len(rows)


def log(connection: Connection, events: Sequence[Event]) -> None:
    """Write events behind those that their activities have."""
    rows = [codec.event_row(event) for event in events]
    if len(rows) > 1 and connection.dialect.name == "postgresql":
        _LOG_TOGETHER.change(connection, {"rows": [_told(row, place) for place, row in enumerate(rows)]})
    elif rows:
        _LOG.change_many(connection, rows)


def _first_row(event: Event, told: Counter[str]) -> dict[str, Any]:
    """Return the row of an event of a new activity, which has no more of them than ``told``."""
    told[event.activity_id] += 1
    return {**codec.event_row(event), "sequence": told[event.activity_id]}


def _told(row: Mapping[str, Any], place: int) -> dict[str, Any]:
    texts = {name: None if row[name] is None else json.dumps(row[name]) for name in _JSON}
    return {**row, **texts, "time": micros(row["time"]), "place": place}


_ADD = PreparedRows(insert(activities).values(bound(activities)).inline())
_JOIN_GROUPS = PreparedRows(insert(groups).values(bound(groups)).inline())
_LOGGED = [event_log.c[name] for name in codec.EVENT_COLUMNS]
_VALUES = {each.key: bindparam(each.key, type_=each.type) for each in _LOGGED}
_ADD_EVENTS = PreparedRows(insert(event_log).values(**_VALUES, sequence=bindparam("sequence")).inline())
_LOG = Prepared(
    insert(event_log)
    .values(
        **_VALUES,
        sequence=select(func.coalesce(func.max(event_log.c.sequence), 0) + 1)
        .where(event_log.c.activity_id == bindparam("activity_id"))
        .scalar_subquery(),
    )
    .inline()
)
#: These come as texts: within JSON that it takes apart PostgreSQL refuses characters that it would store, as U+0000.
_JSON = [each.key for each in _LOGGED if isinstance(each.type, JSON)]
_TOLD = (
    func.json_to_recordset(bindparam("rows", type_=JSON()))
    .table_valued(
        column("place", Integer()),
        *(column(each.key, Text() if each.key in _JSON else each.type) for each in _LOGGED),
        name="told",
    )
    .render_derived(with_types=True)
)
#: Many rows at once: for PostgreSQL each statement is a message to a server. Their ids are in their order, too.
_LOG_TOGETHER = Prepared(
    insert(event_log)
    .from_select(
        [*(each.key for each in _LOGGED), "sequence"],
        select(
            *(cast(_TOLD.c[each.key], each.type) if each.key in _JSON else _TOLD.c[each.key] for each in _LOGGED),
            select(func.coalesce(func.max(event_log.c.sequence), 0))
            .where(event_log.c.activity_id == _TOLD.c.activity_id)
            .scalar_subquery()
            + func.row_number().over(partition_by=_TOLD.c.activity_id, order_by=_TOLD.c.place),
        ).order_by(_TOLD.c.place),
    )
    .inline()
)
