"""Answers and what people said of them: append-only journals of ratings, corrections and comments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0003_answers_and_feedback"
down_revision = "0002_lineage"
branch_labels = None
depends_on = None

LOST = {
    "answers": "answers",
    "ratings": "ratings",
    "corrections": "corrections",
    "comments": "comments",
}

APPEND_ONLY = (
    "ratings",
    "corrections",
    "comments",
)


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("adapter_version_id", sa.Integer(), nullable=False),
        sa.Column("served_name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("generation", postgresql.JSONB(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("finish_reason", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["adapter_version_id"],
            ["adapter_versions.id"],
            name=op.f("answers_adapter_version_id_fk"),
        ),
        sa.ForeignKeyConstraint(["question_id"], ["questions.id"], name=op.f("answers_question_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("answers_pk")),
    )
    op.create_index(op.f("answers_adapter_version_id_ix"), "answers", ["adapter_version_id"], unique=False)
    op.create_index(op.f("answers_question_id_ix"), "answers", ["question_id"], unique=False)
    op.create_table(
        "ratings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ratings_stars_range_ck")),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("ratings_answer_id_fk")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("ratings_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("ratings_pk")),
        sa.UniqueConstraint("submission", name=op.f("ratings_submission_uq")),
    )
    op.create_index(
        op.f("ratings_answer_id_rater_id_id_ix"),
        "ratings",
        ["answer_id", "rater_id", "id"],
        unique=False,
    )
    op.create_index(op.f("ratings_created_at_ix"), "ratings", ["created_at"], unique=False)
    op.create_table(
        "current_ratings",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("rating_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("current_ratings_answer_id_fk")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("current_ratings_rater_id_fk")),
        sa.ForeignKeyConstraint(["rating_id"], ["ratings.id"], name=op.f("current_ratings_rating_id_fk")),
        sa.PrimaryKeyConstraint("answer_id", "rater_id", name=op.f("current_ratings_pk")),
        sa.UniqueConstraint("rating_id", name=op.f("current_ratings_rating_id_uq")),
    )
    op.create_table(
        "corrections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("corrections_answer_id_fk")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("corrections_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("corrections_pk")),
        sa.UniqueConstraint("submission", name=op.f("corrections_submission_uq")),
    )
    op.create_index(
        op.f("corrections_answer_id_rater_id_id_ix"),
        "corrections",
        ["answer_id", "rater_id", "id"],
        unique=False,
    )
    op.create_index(op.f("corrections_created_at_ix"), "corrections", ["created_at"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("comments_answer_id_fk")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("comments_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("comments_pk")),
        sa.UniqueConstraint("submission", name=op.f("comments_submission_uq")),
    )
    op.create_index(
        op.f("comments_answer_id_rater_id_id_ix"),
        "comments",
        ["answer_id", "rater_id", "id"],
        unique=False,
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_table("comments")
    op.drop_table("corrections")
    op.drop_table("current_ratings")
    op.drop_table("ratings")
    op.drop_table("answers")
