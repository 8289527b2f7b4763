"""Who has started whom, who waits for whom, and when failed work is run again."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns and a table."""
    op.add_column("activity", sa.Column("parent", sa.String(64)))
    op.add_column("activity", sa.Column("begins", sa.BigInteger))
    op.create_index("ix_activity_parent", "activity", ["parent", "created", "id"])
    begins = sa.text("begins IS NOT NULL")
    op.create_index("ix_activity_begins", "activity", ["begins"], sqlite_where=begins, postgresql_where=begins)
    op.create_table(
        "need",
        sa.Column("activity_id", sa.String(64), primary_key=True),
        sa.Column("needs", sa.String(64), primary_key=True),
    )
    op.create_index("ix_need_needs", "need", ["needs"])
