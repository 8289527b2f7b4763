"""Services and runs by phase: of those that had few in a phase, nearly all was looked through for a page."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Have the phase stand in two indexes before the creation time, by which pages are ordered."""
    said = sa.text("run_id IS NOT NULL")
    op.drop_index("ix_activity_owner_service", "activity")
    op.create_index("ix_activity_owner_service", "activity", ["owner", "service", "phase", "created", "id"])
    op.drop_index("ix_activity_owner_run", "activity")
    op.create_index(
        "ix_activity_owner_run",
        "activity",
        ["owner", "run_id", "phase", "created", "id"],
        sqlite_where=said,
        postgresql_where=said,
    )
