"""An index for who reads the log of all of an owner's activities: without it, all that others did was read, too."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_event_owner", "event", ["owner", "id"])
