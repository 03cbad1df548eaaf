"""A persona can be paused, which its nights skip, and archived, which nobody asks; both with a reason."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0029_persona_states"
down_revision = "0028_conversations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("personas", sa.Column("state", sa.Text(), server_default="active", nullable=False))
    op.add_column("personas", sa.Column("state_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("personas", sa.Column("state_since", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("personas_state_known_ck"), "personas", "state IN ('active', 'paused', 'archived')"
    )


def downgrade() -> None:
    warn_of_loss(revision, {"paused or archived personas": "personas WHERE state <> 'active'"})
    op.drop_constraint(op.f("personas_state_known_ck"), "personas")
    for column in ("state_since", "state_reason", "state"):
        op.drop_column("personas", column)
