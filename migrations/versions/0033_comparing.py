"""Pairs of answers to compare, and what of them was offered to whom, which side stood where."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0033_comparing"
down_revision = "0032_retractions"
branch_labels = None
depends_on = None

LOST = {
    "pairs offered to raters, with what they chose of known ones": "comparison_offers",
}
CHOICES = "('left', 'right', 'tie', 'both bad')"
# Each answer with the one before it to the same prompt, where they say different things.
PAIRS = """
INSERT INTO answer_pairs (persona_id, one_answer_id, other_answer_id, digest, public, of_one_version)
SELECT persona_id, one, other,
       encode(sha256(convert_to(prompt_key || least(one_hash, other_hash) || greatest(one_hash, other_hash),
                                'UTF8')), 'hex'),
       context = '', one_version = other_version
FROM (
    SELECT c.persona_id, q.prompt_key, q.context, a.id AS other, lag(a.id) OVER same_prompt AS one,
           a.adapter_version_id AS other_version, lag(a.adapter_version_id) OVER same_prompt AS one_version,
           h.hash COLLATE "C" AS other_hash, lag(h.hash) OVER same_prompt COLLATE "C" AS one_hash,
           h.words AS other_words, lag(h.words) OVER same_prompt AS one_words
    FROM answers a
    CROSS JOIN LATERAL (
        SELECT encode(sha256(convert_to(a.text, 'UTF8')), 'hex') AS hash,
               md5(btrim(regexp_replace(a.text, '\\s+', ' ', 'g'))) AS words
    ) h
    JOIN questions q ON q.id = a.question_id AND q.tombstone IS NULL
    JOIN conversations c ON c.id = q.conversation_id
    WHERE NOT a.imported AND a.tombstone IS NULL AND a.finish_reason <> 'stopped'
    WINDOW same_prompt AS (PARTITION BY c.persona_id, q.prompt_key,
                           CASE WHEN q.context = '' THEN NULL ELSE c.rater_id END
                           ORDER BY a.created_at, a.id)
) following
WHERE one_words <> other_words
ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    op.create_index("questions_prompt_ix", "questions", ["prompt_key", "asked_at"])
    _add_pairs()
    _add_offers()
    _guard_offers()
    op.execute(PAIRS)


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_table("comparison_offers")
    op.execute("DROP FUNCTION permit_choosing()")
    op.drop_table("answer_pairs")
    op.drop_index("questions_prompt_ix", "questions")


def _add_pairs() -> None:
    op.create_table(
        "answer_pairs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("persona_id", sa.Integer(), sa.ForeignKey("personas.id"), nullable=False),
        sa.Column("one_answer_id", sa.Uuid(), sa.ForeignKey("answers.id"), nullable=False, index=True),
        sa.Column("other_answer_id", sa.Uuid(), sa.ForeignKey("answers.id"), nullable=False, index=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("of_one_version", sa.Boolean(), nullable=False),
        sa.Column("opinions", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.UniqueConstraint("persona_id", "digest"),
        sa.CheckConstraint("one_answer_id <> other_answer_id", name="two_answers"),
    )
    op.create_index(
        "answer_pairs_next_ix",
        "answer_pairs",
        ["persona_id", "opinions", "of_one_version", "digest"],
        postgresql_where=sa.text("public"),
    )


def _add_offers() -> None:
    op.create_table(
        "comparison_offers",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("persona_id", sa.Integer(), sa.ForeignKey("personas.id"), nullable=False),
        sa.Column("rater_id", sa.Uuid(), sa.ForeignKey("raters.id"), nullable=False),
        sa.Column(
            "pair_id", sa.BigInteger(), sa.ForeignKey("answer_pairs.id", ondelete="SET NULL"), index=True
        ),
        sa.Column("left_answer_id", sa.Uuid(), sa.ForeignKey("answers.id"), nullable=False),
        sa.Column("right_answer_id", sa.Uuid(), sa.ForeignKey("answers.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("repeats_id", sa.Uuid(), sa.ForeignKey("comparison_offers.id"), unique=True),
        sa.Column("expected", sa.Text()),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("choice", sa.Text()),
        sa.Column("chosen_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("kind IN ('normal', 'repeat', 'known')", name="kind_known"),
        sa.CheckConstraint("(kind = 'known') = (expected IS NOT NULL)", name="expected_where_known"),
        sa.CheckConstraint("expected IN ('left', 'right')", name="expected_side"),
        sa.CheckConstraint("(choice IS NULL) = (chosen_at IS NULL)", name="chosen_at_an_instant"),
        sa.CheckConstraint(f"choice IN {CHOICES}", name="choice_known"),
        sa.CheckConstraint("left_answer_id <> right_answer_id", name="two_answers"),
    )
    op.create_index(None, "comparison_offers", ["rater_id", "persona_id", "offered_at"])
    op.create_index(
        "comparison_offers_once_uq",
        "comparison_offers",
        ["rater_id", "pair_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'normal'"),
    )


def _guard_offers() -> None:
    """An offer is what stood there and the first choice made of it; only who is erased takes theirs along."""
    op.execute("""
        CREATE FUNCTION permit_choosing() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            first_choice text[] := ARRAY['choice', 'chosen_at'];
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF EXISTS (SELECT FROM raters WHERE id = OLD.rater_id AND erased_at IS NOT NULL) THEN
                    RETURN OLD;
                END IF;
            ELSIF OLD.choice IS NULL AND to_jsonb(NEW) - first_choice = to_jsonb(OLD) - first_choice
                OR NEW.pair_id IS NULL AND to_jsonb(NEW) - 'pair_id' = to_jsonb(OLD) - 'pair_id'
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
    op.execute(
        "CREATE TRIGGER comparison_offers_chosen_once BEFORE UPDATE OR DELETE ON comparison_offers "
        "FOR EACH ROW EXECUTE FUNCTION permit_choosing()"
    )
    op.execute(
        "CREATE TRIGGER comparison_offers_append_only BEFORE TRUNCATE ON comparison_offers "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER comparison_offers_not_erased BEFORE INSERT ON comparison_offers "
        "FOR EACH ROW EXECUTE FUNCTION refuse_erased_rater()"
    )
