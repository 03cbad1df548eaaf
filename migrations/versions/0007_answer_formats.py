"""The format of a persona's answers, who answers in other formats, and whether an answer is in its format."""

import json

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0007_answer_formats"
down_revision = "0006_signals"
branch_labels = None
depends_on = None

LOST = {
    "answers that were asked for again or looked at": "answers WHERE attempts > 1 OR valid IS NOT NULL",
    "routes": "persona_routes",
}

_USUAL = {  # rules that say nothing: what the older schema does without them
    "format": "free_text",
    "choices": "ABCD",
    "schema": "",
    "word_limit": 0,
    "stop": [],
    "validation": True,
    "max_retries": 2,
}


def upgrade() -> None:
    op.add_column(
        "personas",
        sa.Column("answer_rules", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("answers", sa.Column("attempts", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("answers", sa.Column("valid", sa.Boolean(), nullable=True))
    op.create_table(
        "persona_routes",
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("answer_format", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("persona_id <> target_id", name=op.f("persona_routes_another_ck")),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("persona_routes_persona_id_fk")),
        sa.ForeignKeyConstraint(["target_id"], ["personas.id"], name=op.f("persona_routes_target_id_fk")),
        sa.PrimaryKeyConstraint("persona_id", "answer_format", name=op.f("persona_routes_pk")),
    )
    op.create_index(op.f("persona_routes_target_id_ix"), "persona_routes", ["target_id"])


def downgrade() -> None:
    formed = op.get_bind().scalar(
        sa.text(
            "SELECT count(*) FROM personas "
            "WHERE answer_format <> 'free_text' OR NOT CAST(:usual AS jsonb) @> answer_rules"
        ).bindparams(usual=json.dumps(_USUAL))
    )
    if formed:
        message = (
            f"{revision} is not undone: the older schema has no place for the form in which {formed} "
            "personas answer; restore a backup instead."
        )
        raise CommandError(message)
    warn_of_loss(revision, LOST)
    op.drop_table("persona_routes")
    op.drop_column("answers", "valid")
    op.drop_column("answers", "attempts")
    op.drop_column("personas", "answer_rules")
