"""Every kind of signal: thumbs, tags, comparisons, offers to rate others' answers, imported answers.

With them clusters of prompts, what a training set plans and reports, and which sources it learnt from.
"""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0006_signals"
down_revision = "0005_one_version_of_equal_files"
branch_labels = None
depends_on = None

LOST = {
    "offers to rate others' answers": "peer_offers",
    "clustered prompts": "prompt_signatures",
    "plans and reports of training sets": "training_sets WHERE report <> '{}'",
    "raters of imported files by name": "raters WHERE label IS NOT NULL",
}

# What the sets that are there were made for.
SFT_ALONE = """'{"stages": ["sft"], "reasons": [], "label_smoothing": 0.0}'"""
APPEND_ONLY = ("comparisons", "rater_reviews", "prompt_retirements")
# What people said or decided that the older schema has no place for.
NO_PLACE = {
    "ratings by thumb": "ratings WHERE thumb IS NOT NULL",
    "ratings with reasons": "ratings WHERE reasons <> '[]'",
    "imported answers": "answers WHERE imported",
    "comparisons": "comparisons",
    "reviews of raters": "rater_reviews",
    "prompts that judge no more": "prompt_retirements",
}


def upgrade() -> None:
    _widen_ratings()
    _add_imported_answers()
    _add_journals()
    _add_clusters()
    _add_lineage()
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute("UPDATE personas SET example_policy = example_policy - 'min_stars'")


def _widen_ratings() -> None:
    op.alter_column("ratings", "stars", nullable=True)
    op.add_column("ratings", sa.Column("thumb", sa.Text(), nullable=True))
    op.add_column(
        "ratings",
        sa.Column("reasons", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
    )
    op.create_check_constraint(op.f("ratings_thumb_known_ck"), "ratings", "thumb IN ('up', 'down')")
    op.create_check_constraint(
        op.f("ratings_stars_or_thumb_ck"), "ratings", "(stars IS NULL) <> (thumb IS NULL)"
    )


def _add_imported_answers() -> None:
    op.add_column("raters", sa.Column("label", sa.Text(), nullable=True))
    op.create_unique_constraint(op.f("raters_label_uq"), "raters", ["label"])
    op.add_column(
        "answers", sa.Column("imported", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.alter_column("answers", "adapter_version_id", nullable=True)
    op.create_check_constraint(
        op.f("answers_version_or_imported_ck"), "answers", "imported = (adapter_version_id IS NULL)"
    )


def _add_journals() -> None:
    op.create_table(
        "comparisons",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("left_answer_id", sa.Uuid(), nullable=False),
        sa.Column("right_answer_id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "choice IN ('left', 'right', 'tie', 'both bad')", name=op.f("comparisons_choice_known_ck")
        ),
        sa.CheckConstraint("left_answer_id <> right_answer_id", name=op.f("comparisons_two_answers_ck")),
        sa.ForeignKeyConstraint(
            ["left_answer_id"], ["answers.id"], name=op.f("comparisons_left_answer_id_fk")
        ),
        sa.ForeignKeyConstraint(
            ["right_answer_id"], ["answers.id"], name=op.f("comparisons_right_answer_id_fk")
        ),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("comparisons_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("comparisons_pk")),
        sa.UniqueConstraint("submission", name=op.f("comparisons_submission_uq")),
    )
    op.create_index(op.f("comparisons_left_answer_id_ix"), "comparisons", ["left_answer_id"])
    op.create_index(op.f("comparisons_created_at_ix"), "comparisons", ["created_at"])
    op.create_table(
        "peer_offers",
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("peer_offers_rater_id_fk")),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("peer_offers_answer_id_fk")),
        sa.PrimaryKeyConstraint("rater_id", "answer_id", name=op.f("peer_offers_pk")),
    )
    op.create_table(
        "rater_reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict IN ('trusted', 'excluded')", name=op.f("rater_reviews_verdict_known_ck")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("rater_reviews_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("rater_reviews_pk")),
    )
    op.create_index(op.f("rater_reviews_rater_id_ix"), "rater_reviews", ["rater_id"])


def _add_clusters() -> None:
    op.create_table(
        "prompt_signatures",
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("split_key", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("bands", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "split IN ('train', 'holdout', 'quarantine')", name=op.f("prompt_signatures_split_known_ck")
        ),
        sa.ForeignKeyConstraint(
            ["persona_id"], ["personas.id"], name=op.f("prompt_signatures_persona_id_fk")
        ),
        sa.PrimaryKeyConstraint("persona_id", "split_key", name=op.f("prompt_signatures_pk")),
    )
    op.create_table(
        "prompt_retirements",
        sa.Column("persona_id", sa.Integer(), nullable=False),
        sa.Column("split_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["persona_id"], ["personas.id"], name=op.f("prompt_retirements_persona_id_fk")
        ),
        sa.PrimaryKeyConstraint("persona_id", "split_key", name=op.f("prompt_retirements_pk")),
    )


def _add_lineage() -> None:
    for column, default in (("plan", SFT_ALONE), ("report", "'{}'")):
        op.add_column(
            "training_sets",
            sa.Column(column, postgresql.JSONB(), server_default=sa.text(default), nullable=False),
        )
    op.create_table(
        "training_set_sources",
        sa.Column("training_set_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.ForeignKeyConstraint(
            ["training_set_id"], ["training_sets.id"], name=op.f("training_set_sources_training_set_id_fk")
        ),
        sa.PrimaryKeyConstraint("training_set_id", "kind", name=op.f("training_set_sources_pk")),
    )


def downgrade() -> None:
    _refuse_to_lose()
    warn_of_loss(revision, LOST)
    op.drop_table("training_set_sources")
    for column in ("report", "plan"):
        op.drop_column("training_sets", column)
    for table in ("prompt_retirements", "prompt_signatures", "rater_reviews", "peer_offers", "comparisons"):
        op.drop_table(table)
    op.drop_constraint(op.f("answers_version_or_imported_ck"), "answers", type_="check")
    op.alter_column("answers", "adapter_version_id", nullable=False)
    op.drop_column("answers", "imported")
    op.drop_constraint(op.f("raters_label_uq"), "raters", type_="unique")
    op.drop_column("raters", "label")
    op.drop_constraint(op.f("ratings_stars_or_thumb_ck"), "ratings", type_="check")
    op.drop_constraint(op.f("ratings_thumb_known_ck"), "ratings", type_="check")
    op.drop_column("ratings", "reasons")
    op.drop_column("ratings", "thumb")
    op.alter_column("ratings", "stars", nullable=False)


def _refuse_to_lose() -> None:
    connection = op.get_bind()
    there = {
        what: connection.scalar(sa.text(f"SELECT count(*) FROM {rows}"))  # noqa: S608  (our own words)
        for what, rows in NO_PLACE.items()
    }
    lost = ", ".join(f"{count} {what}" for what, count in there.items() if count)
    if lost:
        message = (
            f"{revision} is not undone: the older schema has no place for {lost}; restore a backup instead."
        )
        raise CommandError(message)
