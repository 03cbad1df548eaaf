"""The form a question came with: sent twice, it is one question and has one answer."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0004_question_submission"
down_revision = "0003_answers_and_feedback"
branch_labels = None
depends_on = None

LOST = {
    "marks by which a form sent twice is known": "questions WHERE submission IS NOT NULL",
}


def upgrade() -> None:
    op.add_column("questions", sa.Column("submission", sa.Uuid(), nullable=True))
    op.create_unique_constraint(
        op.f("questions_submission_prompt_key_uq"), "questions", ["submission", "prompt_key"]
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_constraint(op.f("questions_submission_prompt_key_uq"), "questions", type_="unique")
    op.drop_column("questions", "submission")
