"""Personas, raters, conversations, questions, the split of every prompt, imported examples and items."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0001_personas_and_questions"
down_revision = None
branch_labels = None
depends_on = None

LOST = {
    "personas": "personas",
    "raters": "raters",
    "questions": "questions",
    "imported examples": "seed_examples",
    "imported items": "evaluation_items",
}


def upgrade() -> None:
    op.create_table(
        "personas",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("system_template", sa.Text(), nullable=False),
        sa.Column("answer_format", sa.Text(), nullable=False),
        sa.Column("markers", postgresql.JSONB(), nullable=False),
        sa.Column("generation", postgresql.JSONB(), nullable=False),
        sa.Column("example_policy", postgresql.JSONB(), nullable=False),
        sa.Column("gate_policy", postgresql.JSONB(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("recipe_overrides", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("personas_pk")),
        sa.UniqueConstraint("slug", name=op.f("personas_slug_uq")),
    )
    op.create_table(
        "raters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("raters_pk")),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("conversations_persona_id_fk")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("conversations_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("conversations_pk")),
    )
    op.create_index(op.f("conversations_persona_id_ix"), "conversations", ["persona_id"], unique=False)
    op.create_index(op.f("conversations_rater_id_ix"), "conversations", ["rater_id"], unique=False)
    op.create_table(
        "prompt_splits",
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("split_key", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("split IN ('train', 'holdout')", name=op.f("prompt_splits_split_known_ck")),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("prompt_splits_persona_id_fk")),
        sa.PrimaryKeyConstraint("persona_id", "split_key", name=op.f("prompt_splits_pk")),
    )
    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("prompt_key", sa.Text(), nullable=False),
        sa.Column("split_key", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("questions_conversation_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("questions_pk")),
    )
    op.create_index(op.f("questions_conversation_id_ix"), "questions", ["conversation_id"], unique=False)
    op.create_table(
        "seed_examples",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("completion", sa.Text(), nullable=False),
        sa.Column("prompt_key", sa.Text(), nullable=False),
        sa.Column("split_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("seed_examples_persona_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("seed_examples_pk")),
        sa.UniqueConstraint("persona_id", "digest", name=op.f("seed_examples_persona_id_digest_uq")),
    )
    op.create_table(
        "evaluation_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("answer_key", sa.Text(), nullable=False),
        sa.Column("prompt_key", sa.Text(), nullable=False),
        sa.Column("split_key", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["persona_id"], ["personas.id"], name=op.f("evaluation_items_persona_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("evaluation_items_pk")),
        sa.UniqueConstraint(
            "persona_id", "prompt_key", name=op.f("evaluation_items_persona_id_prompt_key_uq")
        ),
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_table("evaluation_items")
    op.drop_table("seed_examples")
    op.drop_table("questions")
    op.drop_table("prompt_splits")
    op.drop_table("conversations")
    op.drop_table("raters")
    op.drop_table("personas")
