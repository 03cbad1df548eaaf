"""The newest conversations of a persona are found without looking at all there ever were."""

from alembic import op

revision = "0034_newest_conversations"
down_revision = "0033_comparing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("conversations_persona_id_created_at_ix"), "conversations", ["persona_id", "created_at"]
    )
    op.drop_index(op.f("conversations_persona_id_ix"), table_name="conversations")


def downgrade() -> None:
    op.create_index(op.f("conversations_persona_id_ix"), "conversations", ["persona_id"])
    op.drop_index(op.f("conversations_persona_id_created_at_ix"), table_name="conversations")
