"""The first form of the tables: activities, their groups, the event log, uploads, files to be removed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "activity",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("service", sa.String(255), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("terminates", sa.BigInteger),
        sa.Column("error_status", sa.String(16), nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("run_id", sa.String(255)),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.String(255)),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("ix_activity_request", "activity", ["owner", "request_id"], unique=True)
    op.create_index("ix_activity_owner", "activity", ["owner", "created", "id"])
    op.create_index("ix_activity_owner_phase", "activity", ["owner", "phase", "created", "id"])
    op.create_index("ix_activity_owner_service", "activity", ["owner", "service", "created", "id"])
    op.create_index("ix_activity_owner_run", "activity", ["owner", "run_id", "created", "id"])
    op.create_index("ix_activity_phase", "activity", ["phase", "owner", "created", "id"])
    op.create_index("ix_activity_terminates", "activity", ["terminates"])
    op.create_table(
        "activity_group",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("created", sa.BigInteger, primary_key=True),
        sa.Column("activity_id", sa.String(64), primary_key=True),
    )
    op.create_index("ix_activity_group_activity", "activity_group", ["activity_id"])
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("activity_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.JSON),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_activity", "event", ["activity_id", "id"])
    op.create_table(
        "upload",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_upload_expires", "upload", ["expires"])
    op.create_table("removal", sa.Column("path", sa.String(255), primary_key=True))
