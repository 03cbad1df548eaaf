"""The form a question came with: sent twice, it is one question and has one answer."""

import sqlalchemy as sa
from alembic import op

revision = "0004_question_submission"
down_revision = "0003_answers_and_feedback"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("questions", sa.Column("submission", sa.Uuid(), nullable=True))
    op.create_unique_constraint(
        op.f("questions_submission_prompt_key_uq"), "questions", ["submission", "prompt_key"]
    )


def downgrade() -> None:
    op.drop_constraint(op.f("questions_submission_prompt_key_uq"), "questions", type_="unique")
    op.drop_column("questions", "submission")
