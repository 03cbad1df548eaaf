"""Clients of the API, the end users they name, and what they sent under a key."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0027_clients"
down_revision = "0026_rate_counters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("scopes", postgresql.JSONB(), nullable=False),
        sa.Column("token_digest", sa.Text(), nullable=False, unique=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "end_users",
        sa.Column("client_id", sa.Integer(), sa.ForeignKey("clients.id"), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        _rater(unique=True),
    )
    op.create_table(
        "keyed_requests",
        sa.Column("client_id", sa.Integer(), sa.ForeignKey("clients.id"), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        _rater(index=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, index=True),
    )


def downgrade() -> None:
    warn_of_loss(revision, {"clients": "clients", "end users": "end_users"})
    op.drop_table("keyed_requests")
    op.drop_table("end_users")
    op.drop_table("clients")


def _rater(**further: bool) -> sa.Column[Any]:
    """Who is forgotten without having said anything leaves nothing here either."""
    of = sa.ForeignKey("raters.id", ondelete="CASCADE")
    return sa.Column("rater_id", sa.Uuid(), of, nullable=False, **further)
