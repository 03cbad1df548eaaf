"""Alerts: one row an occurrence, and by which channels people heard of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0030_alerts"
down_revision = "0029_persona_states"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("over_at", sa.DateTime(timezone=True)),
        sa.Column("told_open", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("told_over", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
    )
    op.create_index(
        "alerts_open_uq",
        "alerts",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("over_at IS NULL"),
    )


def downgrade() -> None:
    warn_of_loss(revision, {"alerts": "alerts"})
    op.drop_table("alerts")
