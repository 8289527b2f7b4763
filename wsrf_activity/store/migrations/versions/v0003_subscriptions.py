"""Subscriptions and pull points; the log tells every state that was, and outlives its activities where it is owed."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 500  #: activities
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SHOWN = ("groups", "started", "work_limit", "progress", "attempt", "engine", "engine_job", "exit_code")


def upgrade() -> None:
    """Number the events of each activity, make the tables, and let every log have a state to begin with."""
    op.add_column("event", sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("event", sa.Column("changed", sa.JSON))
    op.execute(
        "UPDATE event SET sequence = numbered.place FROM (SELECT id, row_number() OVER "
        "(PARTITION BY activity_id ORDER BY id) AS place FROM event) AS numbered WHERE event.id = numbered.id"
    )
    op.drop_index("ix_event_activity", "event")
    op.create_index("ix_event_activity", "event", ["activity_id", "sequence"], unique=True)
    _make_tables()
    _tell_states()


def _make_tables() -> None:
    op.create_table(
        "departed",
        sa.Column("activity_id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_departed_owner", "departed", ["owner"])
    op.create_table(
        "subscription",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("activity_id", sa.String(64)),
        sa.Column("pull_point", sa.String(64)),
        sa.Column("terminates", sa.BigInteger),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("delivered", sa.BigInteger, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("ix_subscription_activity", "subscription", ["activity_id"])
    op.create_index("ix_subscription_owner", "subscription", ["owner", "activity_id"])
    op.create_index("ix_subscription_pull_point", "subscription", ["pull_point"])
    op.create_index("ix_subscription_terminates", "subscription", ["terminates"])
    op.create_table(
        "pull_point",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("terminates", sa.BigInteger),
    )
    op.create_index("ix_pull_point_terminates", "pull_point", ["terminates"])
    op.create_table(
        "pulled",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("pull_point", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pulled_pull_point", "pulled", ["pull_point", "number"])
    op.create_table(
        "role",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("server", sa.String(64), nullable=False),
    )


def _tell_states() -> None:
    """Add an event to each log that tells nothing new: the state that later events change."""
    connection, last = op.get_bind(), ""
    query = sa.text("SELECT * FROM activity WHERE id > :last ORDER BY id LIMIT :most")
    insert = sa.text(
        "INSERT INTO event (activity_id, owner, topic, version, time, changed, sequence) VALUES (:id, :owner, '', "
        ":version, :time, :changed, (SELECT coalesce(max(sequence), 0) + 1 FROM event WHERE activity_id = :of))"
    )
    while rows := connection.execute(query, {"last": last, "most": _AT_ONCE}).mappings().all():
        connection.execute(insert, [_event(dict(row)) for row in rows])
        last = rows[-1]["id"]


def _event(row: dict[str, Any]) -> dict[str, Any]:
    document = row["document"] if isinstance(row["document"], dict) else json.loads(row["document"])
    changed = {name: document[name] for name in (*_SHOWN, "errors", "results")}
    changed |= {name: row[name] for name in ("service", "phase", "name", "run_id")}
    changed |= {name: _time(row[name]) for name in ("created", "ended", "terminates")}
    time = row["ended"] or row["created"]
    said = {"id": row["id"], "of": row["id"], "owner": row["owner"], "version": row["version"], "time": time}
    return said | {"changed": json.dumps(changed)}


def _time(micros: int | None) -> str | None:
    from wsrf_activity.store.tables import from_micros  # noqa: PLC0415 - how times are stored does not change

    return None if micros is None else from_micros(micros).isoformat()
