"""A reason beside a comparison goes with who asked for either of its answers, not the left one alone."""

from alembic import op

revision = "0039_reasons_of_pairs"
down_revision = "0038_beginnings"
branch_labels = None
depends_on = None

LEFT = "a.id = OLD.answer_id"
EITHER = "a.id IN (OLD.answer_id, (SELECT right_answer_id FROM comparisons WHERE id = OLD.comparison_id))"


def upgrade() -> None:
    _permit_emptying(EITHER)


def downgrade() -> None:
    _permit_emptying(LEFT)


def _permit_emptying(of_answer: str) -> None:
    op.execute(f"""
        CREATE OR REPLACE FUNCTION permit_emptying_feedback_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF to_jsonb(NEW) = to_jsonb(OLD) || '{{"reason": ""}}' AND EXISTS (
                SELECT FROM raters WHERE erased_at IS NOT NULL AND (
                    id = OLD.rater_id OR id IN (
                        SELECT c.rater_id FROM answers a
                        JOIN questions q ON q.id = a.question_id
                        JOIN conversations c ON c.id = q.conversation_id
                        WHERE {of_answer}
                    )
                )
            )
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)  # noqa: S608  (the fragment is the code's own)
