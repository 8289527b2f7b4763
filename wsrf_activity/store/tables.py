"""The tables. Times are microseconds since 1970 in UTC: exact, ordered, and free of any database's idea of a zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return a time as it is stored."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(stored: int) -> datetime:
    """Return the time that was stored."""
    return _EPOCH + timedelta(microseconds=stored)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        """Store a time."""
        return lambda moment: None if moment is None else micros(moment)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        """Read a time."""
        return lambda stored: None if stored is None else from_micros(stored)


#: 64 bits on PostgreSQL; SQLite numbers rows by itself only for its own INTEGER.
Serial = BigInteger().with_variant(Integer(), "sqlite")


def _where_said(column: str) -> dict[str, Any]:
    """Return the options of an index that leaves rows out that say nothing in a column: nobody asks for those by it."""
    said = text(f"{column} IS NOT NULL")
    return {"sqlite_where": said, "postgresql_where": said}


activity = Table(
    "activity",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("service", String(255), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("version", BigInteger, nullable=False),  #: the compare side of every change
    Column("created", Moment, nullable=False),
    Column("ended", Moment),
    Column("terminates", Moment),  #: NULL is never
    Column("error_status", String(16), nullable=False),
    Column("name", Text),
    Column("run_id", String(255)),
    Column("fence", BigInteger, nullable=False),
    Column("request_id", String(255)),
    Column("document", JSON, nullable=False),  #: the rest of the record, see store.codec
    Column("holder", String(64)),  #: the server that executes it
    Column("parent", String(64)),  #: the activity that waits for it
    Column("begins", Moment),  #: work that is queued is not begun before that
    Index("ix_activity_request", "owner", "request_id", unique=True, **_where_said("request_id")),
    Index("ix_activity_owner", "owner", "created", "id"),
    Index("ix_activity_owner_service", "owner", "service", "phase", "created", "id"),
    Index("ix_activity_owner_run", "owner", "run_id", "phase", "created", "id", **_where_said("run_id")),
    Index("ix_activity_phase", "phase", "owner", "created", "id"),
    Index("ix_activity_terminates", "terminates"),
    Index("ix_activity_parent", "parent", "created", "id", **_where_said("parent")),
    Index("ix_activity_begins", "begins", **_where_said("begins")),
)

#: Which activities wait for others to complete; a line goes when the one that is needed has.
need = Table(
    "need",
    metadata,
    Column("activity_id", String(64), primary_key=True),
    Column("needs", String(64), primary_key=True),
    Index("ix_need_needs", "needs"),
)

#: Those that share the database; SQLite has one server only, which needs no lease.
server = Table(
    "server",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("boot", String(64), nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("folder", String(64), nullable=False),
    Column("until", BigInteger, nullable=False),  #: microseconds since 1970, by the database's clock
)

activity_group = Table(
    "activity_group",
    metadata,
    Column("owner", String(255), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("created", Moment, primary_key=True),
    Column("activity_id", String(64), primary_key=True),
    Index("ix_activity_group_activity", "activity_id"),
)

event = Table(
    "event",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("activity_id", String(64), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("time", Moment, nullable=False),
    Column("payload", JSON),
    Column("sequence", BigInteger, nullable=False),  #: among the events of the activity
    Column("changed", JSON),  #: on the last event of a change: the fields that it has changed
    Index("ix_event_activity", "activity_id", "sequence", unique=True),
    Index("ix_event_owner", "owner", "id"),
    sqlite_autoincrement=True,
)

#: Activities that are gone, whose events are still owed to a subscription.
departed = Table(
    "departed",
    metadata,
    Column("activity_id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("last", BigInteger, nullable=False),  #: the id of its last event
    Index("ix_departed_owner", "owner"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("activity_id", String(64)),  #: NULL is all activities of the owner
    Column("pull_point", String(64)),
    Column("terminates", Moment),  #: NULL is never
    Column("position", BigInteger, nullable=False),  #: in the event log
    Column("delivered", BigInteger, nullable=False),
    Column("document", JSON, nullable=False),  #: the rest of it, see store.codec
    Index("ix_subscription_activity", "activity_id"),
    Index("ix_subscription_owner", "owner", "activity_id"),
    Index("ix_subscription_pull_point", "pull_point"),
    Index("ix_subscription_terminates", "terminates"),
)

pull_point = Table(
    "pull_point",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("created", Moment, nullable=False),
    Column("terminates", Moment),
    Index("ix_pull_point_terminates", "terminates"),
)

#: Messages in pull points.
pulled = Table(
    "pulled",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("pull_point", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ix_pulled_pull_point", "pull_point", "number"),
    sqlite_autoincrement=True,
)

#: Which server does what only one of them is to do.
role = Table(
    "role",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("server", String(64), nullable=False),
)

upload = Table(
    "upload",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("expires", Moment, nullable=False),
    Index("ix_upload_expires", "expires"),
)

#: Folders and files whose rows are gone; each line goes when they have gone too.
removal = Table("removal", metadata, Column("path", String(255), primary_key=True))
