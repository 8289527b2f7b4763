"""Several servers on one database: which servers there are, and which of them holds the work that executes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the servers, and the holder of each activity: nobody, so that whoever starts takes over what executes."""
    op.add_column("activity", sa.Column("holder", sa.String(64)))
    op.create_table(
        "server",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("folder", sa.String(64), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
