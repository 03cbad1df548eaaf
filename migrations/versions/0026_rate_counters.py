"""Counters of how often somebody did something, for the limits that the web app's processes share."""

import sqlalchemy as sa
from alembic import op

revision = "0026_rate_counters"
down_revision = "0025_counting"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_counters",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, index=True),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("rate_counters")
