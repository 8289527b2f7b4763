"""The database as an examiner reads it: read-only, a batch at a time, each with all that hangs on it at one moment.

It takes no lock that a server would notice and changes no form of the tables. With ``writable`` it also mends, for
which no server may be up.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Text,
    cast,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.errors import Unavailable
from wsrf_activity.model.events import Event
from wsrf_activity.model.listing import Upload
from wsrf_activity.model.phases import LIVE, Phase
from wsrf_activity.model.servers import Registered
from wsrf_activity.store import codec
from wsrf_activity.store.connecting import parse_url, patience, unavailable
from wsrf_activity.store.migrate import Form, form, migrate
from wsrf_activity.store.records import Records
from wsrf_activity.store.servers import Servers
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import activity_group as groups
from wsrf_activity.store.tables import departed, need, pull_point, pulled, removal, server, upload
from wsrf_activity.store.tables import event as event_log

T = TypeVar("T")
_BATCH = 500  #: rows of one moment; short, so that SQLite's log is not kept from shrinking
_LOCK_TIMEOUT = 30  #: seconds
_STATUS = "StatusChanged/"
#: What a change of phase left, as it is stored.
_PHASES: Mapping[str | None, str | None] = {None: None, "null": None, **{f'"{phase}"': phase.value for phase in Phase}}

_Among = Callable[[ColumnElement[str]], ColumnElement[bool]]
#: The rest of the record as text: what cannot be read must not keep the rows beside it from being read.
_ROWS = select(*(column for column in activities.c if column.name != "document")).add_columns(
    cast(activities.c.document, Text).label("document")
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the event log that tells of a phase."""

    id: int
    phase: str
    before: str | None  #: the phase that was left
    version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An activity's row with all that hangs on it."""

    id: str
    activity: Activity | None  #: None where the row cannot be read
    error_status: str  #: as the column has it
    groups: frozenset[tuple[str, str, datetime]]  #: owner, name, creation
    history: tuple[Entry, ...]
    servers: Mapping[str, Registered] = field(default_factory=dict)  #: all, at the same moment; SQLite has none
    parent_gone: bool = False
    live_members: int = 0
    needs: tuple[str | None, ...] = ()  #: the phases of those that it still waits for; None is gone

    @property
    def holder(self) -> Registered | None:
        """The server that has to see the work through, if it is known."""
        return None if self.activity is None or self.activity.holder is None else self.servers.get(self.activity.holder)


class Inspection:
    """One look at a database, read-only unless it is to be mended."""

    def __init__(self, url: str, *, writable: bool = False) -> None:
        """Connect; raises Unavailable where that cannot be."""
        parsed = parse_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._writable = writable
        self._engine = _sqlite(parsed, writable) if self.is_sqlite else _postgresql(parsed, writable)
        with self._reading() as connection:
            self.form: Form = form(connection)

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()

    def damage(self, *, deep: bool) -> Sequence[str]:
        """Return what SQLite finds wrong with its own file; PostgreSQL looks after itself."""
        if not self.is_sqlite:
            return []
        check = "integrity_check" if deep else "quick_check"
        with self._reading() as connection:
            said = connection.exec_driver_sql(f"PRAGMA {check}(10)").scalars().all()
        return [line for line in said if line != "ok"]

    def servers(self) -> Sequence[Registered]:
        """Return the servers that the database knows, dead or alive; SQLite has one, which is known by its lock."""
        with self._reading() as connection:
            return list(self._servers(connection).values())

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let no server's lease begin or be renewed meanwhile, which keeps servers waiting; SQLite has other locks."""
        if self.is_sqlite or self.form.current != self.form.wanted:
            yield
            return
        with unavailable(opening=True), self._engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}s'")
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.exec_driver_sql(f"LOCK TABLE {server.name} IN SHARE MODE")
            yield

    def stored(self, only: Collection[str] | None = None) -> Iterator[Stored]:
        """Yield all activities, in the order of their ids; or only some, as far as there are such."""
        if only is not None:
            wanted = iter(sorted(only))
            while ids := list(islice(wanted, _BATCH)):
                yield from self._batch(activities.c.id.in_(ids), partial(_one_of, ids))
            return
        last = ""
        while batch := self._batch(activities.c.id > last):
            yield from batch
            last = batch[-1].id

    def history(self, activity_id: str) -> Sequence[Entry]:
        """Return what the event log tells of an activity's phases."""
        with self._reading() as connection:
            return _histories(connection, partial(_one_of, [activity_id])).get(activity_id, [])

    def known(self, activity_ids: Collection[str]) -> set[str]:
        """Return those of these activities that have a row."""
        query = select(activities.c.id).where(activities.c.id.in_(activity_ids))
        return set(self._scalars(query))

    def orphans(self) -> dict[str, Sequence[str]]:
        """Return ids of what is gone, by what of it is there nevertheless."""
        queries = {"events": _orphaned_events(), "groups": _orphaned_groups(), "messages": _orphaned_messages()}
        return {what: self._scalars(query.distinct()) for what, query in queries.items()}

    def uploads(self) -> Sequence[Upload]:
        """Return the inputs that were sent ahead."""
        with self._reading() as connection:
            return [Upload(*row) for row in connection.execute(select(upload))]

    def removals(self) -> set[str]:
        """Return paths that are noted to be removed."""
        return set(self._scalars(select(removal.c.path)))

    def change(self, transaction: Callable[[Records], T]) -> T:
        """Mend rows by the statements that a server has, too."""
        with unavailable(opening=True), self._engine.begin() as connection:
            return transaction(Records(connection))

    def migrate(self) -> None:
        """Bring the tables to this version's form."""
        with unavailable(opening=True):
            migrate(self._engine)

    def rewrite_groups(self, activity: Activity) -> None:
        """Make the rows of an activity's groups what its record says."""
        rows = [
            {"owner": activity.owner, "name": name, "created": activity.created, "activity_id": activity.id}
            for name in activity.groups
        ]
        with unavailable(opening=True), self._engine.begin() as connection:
            connection.execute(delete(groups).where(groups.c.activity_id == activity.id))
            if rows:
                connection.execute(insert(groups), rows)

    def add_event(self, missed: Event) -> None:
        """Tell what was never told."""
        with unavailable(opening=True), self._engine.begin() as connection:
            Records(connection).log([missed])

    def forget_events(self, ids: Sequence[int]) -> None:
        """Delete rows of the event log."""
        with unavailable(opening=True), self._engine.begin() as connection:
            connection.execute(delete(event_log).where(event_log.c.id.in_(ids)))

    def forget_orphans(self) -> None:
        """Delete what hangs on nothing any more: events, groups, and messages in pull points."""
        with unavailable(opening=True), self._engine.begin() as connection:
            connection.execute(delete(event_log).where(event_log.c.activity_id.in_(_orphaned_events())))
            connection.execute(delete(pulled).where(pulled.c.pull_point.in_(_orphaned_messages())))
            connection.execute(delete(groups).where(groups.c.activity_id.in_(_orphaned_groups())))

    def forget_upload(self, upload_id: str) -> None:
        """Delete the row of an input that was sent ahead."""
        with unavailable(opening=True), self._engine.begin() as connection:
            connection.execute(delete(upload).where(upload.c.id == upload_id))

    def _batch(self, which: ColumnElement[bool], among: _Among | None = None) -> list[Stored]:
        """Return activities with all that hangs on them; ``among`` says of a column whether it names one of them."""
        query = _ROWS.where(which).order_by(activities.c.id).limit(_BATCH)
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
            if not rows:
                return []
            among = among or partial(_between, rows[0]["id"], rows[-1]["id"])
            histories = _histories(connection, among)
            grouped = _grouped(connection, among)
            servers = self._servers(connection)
            kin = _Kin(connection, among)
        return [
            Stored(
                row["id"],
                _readable(row),
                row["error_status"],
                frozenset(grouped.get(row["id"], ())),
                tuple(histories.get(row["id"], ())),
                servers,
                row["id"] in kin.orphans,
                kin.live.get(row["id"], 0),
                tuple(kin.needs.get(row["id"], ())),
            )
            for row in rows
        ]

    def _servers(self, connection: Connection) -> dict[str, Registered]:
        every = () if self.is_sqlite else Servers(connection).every()
        return {each.server.id: each for each in every}

    def _scalars(self, query: Select[Any]) -> list[str]:
        with self._reading() as connection:
            return list(connection.execute(query).scalars())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with unavailable(opening=True), self._engine.connect() as connection:
            options = {} if self.is_sqlite or self._writable else {"postgresql_readonly": True}
            with connection.execution_options(**options).begin():
                yield connection


def _sqlite(url: URL, writable: bool) -> Engine:
    """Neither mode makes the file, nor another journal of it."""
    path = Path(str(url.database)).absolute()
    if not path.exists():
        raise Unavailable(f"there is no database {path}; name the data folder, or the database, of a server")
    target = f"file:{quote(str(path))}?mode={'rw' if writable else 'ro'}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(target, uri=True, timeout=30, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", _begin_at_once if writable else _begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_at_once(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(url: URL, writable: bool) -> Engine:
    level: Any = "READ COMMITTED" if writable else "REPEATABLE READ"
    return create_engine(url, isolation_level=level, connect_args=patience(url))


def _readable(row: RowMapping) -> Activity | None:
    try:
        return codec.read_activity({**row, "document": json.loads(row["document"])})
    except (KeyError, TypeError, ValueError):
        return None


def _between(first: str, last: str, column: ColumnElement[str]) -> ColumnElement[bool]:
    return column.between(first, last)


def _one_of(ids: Sequence[str], column: ColumnElement[str]) -> ColumnElement[bool]:
    return column.in_(ids)


def _histories(connection: Connection, among: _Among) -> dict[str, list[Entry]]:
    columns = event_log.c
    query = (
        select(columns.activity_id, columns.id, columns.topic, cast(columns.payload, Text), columns.version)
        .where(among(columns.activity_id), columns.topic.startswith(_STATUS))
        .order_by(columns.activity_id, columns.id)
    )
    found: dict[str, list[Entry]] = {}
    for activity_id, number, topic, before, version in connection.execute(query).all():
        entry = Entry(number, topic.removeprefix(_STATUS), _PHASES.get(before, before), version)
        found.setdefault(activity_id, []).append(entry)
    return found


def _grouped(connection: Connection, among: _Among) -> dict[str, list[tuple[str, str, datetime]]]:
    found: dict[str, list[tuple[str, str, datetime]]] = {}
    for row in connection.execute(select(groups).where(among(groups.c.activity_id))).all():
        found.setdefault(row.activity_id, []).append((row.owner, row.name, row.created))
    return found


class _Kin:
    """What activities have to do with others."""

    def __init__(self, connection: Connection, among: _Among) -> None:
        """Read it."""
        parents = activities.alias("parents")
        there = select(parents.c.id).where(parents.c.id == activities.c.parent).exists()
        orphans = select(activities.c.id).where(among(activities.c.id), activities.c.parent.is_not(None), ~there)
        self.orphans = set(connection.execute(orphans).scalars())
        live = select(activities.c.parent, func.count().label("members")).where(
            among(activities.c.parent), activities.c.phase.in_(sorted(LIVE))
        )
        rows = connection.execute(live.group_by(activities.c.parent))
        self.live: dict[str, int] = {row.parent: row.members for row in rows}
        phases = select(need.c.activity_id, activities.c.phase).where(among(need.c.activity_id))
        self.needs: dict[str, list[str | None]] = {}
        for waiting, phase in connection.execute(
            phases.select_from(need.outerjoin(activities, activities.c.id == need.c.needs))
        ):
            self.needs.setdefault(waiting, []).append(phase)


def _orphaned_events() -> Select[Any]:
    """Select whose events are there although neither the activity is, nor anybody is owed its end."""
    there = select(activities.c.id).where(activities.c.id == event_log.c.activity_id).exists()
    owed = select(departed.c.activity_id).where(departed.c.activity_id == event_log.c.activity_id).exists()
    return select(event_log.c.activity_id).where(~there, ~owed)


def _orphaned_messages() -> Select[Any]:
    there = select(pull_point.c.id).where(pull_point.c.id == pulled.c.pull_point).exists()
    return select(pulled.c.pull_point).where(~there)


def _orphaned_groups() -> Select[Any]:
    there = select(activities.c.id).where(activities.c.id == groups.c.activity_id).exists()
    return select(groups.c.activity_id).where(~there)
