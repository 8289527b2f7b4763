"""Fewer lines in fewer indexes for each activity: they were most of what a creation wrote."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PARTIAL = (
    ("ix_activity_request", "request_id", ["owner", "request_id"], True),
    ("ix_activity_owner_run", "run_id", ["owner", "run_id", "created", "id"], False),
    ("ix_activity_parent", "parent", ["parent", "created", "id"], False),
)


def upgrade() -> None:
    """Drop an index whose columns lead another one, and keep what most activities have nothing of out of others."""
    op.drop_index("ix_activity_owner_phase", "activity")
    for name, said_of_few, columns, unique in _PARTIAL:
        said = sa.text(f"{said_of_few} IS NOT NULL")
        op.drop_index(name, "activity")
        op.create_index(name, "activity", columns, unique=unique, sqlite_where=said, postgresql_where=said)
