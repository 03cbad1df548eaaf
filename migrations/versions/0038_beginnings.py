"""A persona's first training may begin with an adapter of another persona."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0038_beginnings"
down_revision = "0037_ratings_of_a_rater"
branch_labels = None
depends_on = None

LOST = {"what personas begin with": "personas WHERE begins_with <> ''"}


def upgrade() -> None:
    op.add_column(
        "personas", sa.Column("begins_with", sa.Text(), server_default=sa.text("''"), nullable=False)
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_column("personas", "begins_with")
