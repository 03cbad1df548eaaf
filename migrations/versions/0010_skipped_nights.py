"""A night without a set is kept too: why, and what became of everything that was said."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0010_skipped_nights"
down_revision = "0009_where_nights_start"
branch_labels = None
depends_on = None

LOST = {
    "nights without a set": "skipped_nights",
}


def upgrade() -> None:
    op.create_table(
        "skipped_nights",
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("cutoff", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("dropped", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("skipped_nights_persona_id_fk")),
        sa.PrimaryKeyConstraint("persona_id", "cutoff", name=op.f("skipped_nights_pk")),
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_table("skipped_nights")
