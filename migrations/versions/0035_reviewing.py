"""People decide of single things that were said, one reviewer at a time: a journal, and locks that expire."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0035_reviewing"
down_revision = "0034_newest_conversations"
branch_labels = None
depends_on = None

OF = ("rating", "correction", "comparison")


def upgrade() -> None:
    op.create_table(
        "feedback_reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        *(sa.Column(f"{said}_id", sa.BigInteger(), nullable=True) for said in OF),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('agreed', 'overruled', 'banned', 'restored')",
            name=op.f("feedback_reviews_verdict_known_ck"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(rating_id, correction_id, comparison_id) = 1",
            name=op.f("feedback_reviews_of_one_ck"),
        ),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("feedback_reviews_answer_id_fk")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("feedback_reviews_rater_id_fk")),
        *(
            sa.ForeignKeyConstraint(
                [f"{said}_id"], [f"{said}s.id"], name=op.f(f"feedback_reviews_{said}_id_fk")
            )
            for said in OF
        ),
        sa.UniqueConstraint("submission", name=op.f("feedback_reviews_submission_uq")),
        sa.PrimaryKeyConstraint("id", name=op.f("feedback_reviews_pk")),
    )
    for column in ("answer_id", "rater_id", "at", *(f"{said}_id" for said in OF)):
        op.create_index(op.f(f"feedback_reviews_{column}_ix"), "feedback_reviews", [column])
    _guard()
    op.create_table(
        "review_locks",
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("review_locks_answer_id_fk")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("review_locks_account_id_fk")),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("review_locks_pk")),
    )
    op.create_index(op.f("review_locks_account_id_ix"), "review_locks", ["account_id"])
    op.create_index(
        "ratings_unsafe_ix", "ratings", ["answer_id"], postgresql_where=sa.text("reasons ? 'unsafe'")
    )


def downgrade() -> None:
    warn_of_loss(revision, {"decisions on single things that were said": "feedback_reviews"})
    op.drop_index("ratings_unsafe_ix", "ratings")
    op.drop_table("review_locks")
    op.drop_table("feedback_reviews")
    op.execute("DROP FUNCTION permit_emptying_feedback_reviews()")


def _guard() -> None:
    """A reason may name what it was about: it goes with who said that, or who asked, and nothing else."""
    op.execute("""
        CREATE FUNCTION permit_emptying_feedback_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF to_jsonb(NEW) = to_jsonb(OLD) || '{"reason": ""}' AND EXISTS (
                SELECT FROM raters WHERE erased_at IS NOT NULL AND id IN (
                    OLD.rater_id,
                    (SELECT c.rater_id FROM answers a
                     JOIN questions q ON q.id = a.question_id
                     JOIN conversations c ON c.id = q.conversation_id
                     WHERE a.id = OLD.answer_id)
                )
            )
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
    op.execute(
        "CREATE TRIGGER feedback_reviews_append_only BEFORE DELETE OR TRUNCATE ON feedback_reviews "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER feedback_reviews_emptied_alone BEFORE UPDATE ON feedback_reviews "
        "FOR EACH ROW EXECUTE FUNCTION permit_emptying_feedback_reviews()"
    )
