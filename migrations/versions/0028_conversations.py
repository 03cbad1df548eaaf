"""A question may go on from the answer to another one: the turns of a conversation are in order."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0028_conversations"
down_revision = "0027_clients"
branch_labels = None
depends_on = None

LOST = {"questions that go on from an answer": "questions WHERE follows_id IS NOT NULL"}


def upgrade() -> None:
    op.add_column("questions", sa.Column("follows_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("questions_follows_id_fk"), "questions", "questions", ["follows_id"], ["id"])


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_constraint(op.f("questions_follows_id_fk"), "questions", type_="foreignkey")
    op.drop_column("questions", "follows_id")
