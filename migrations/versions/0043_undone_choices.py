"""A choice between two answers can be taken back as ratings can; a known pair's journal is the offer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.db.undoing import warn_of_loss

revision = "0043_undone_choices"
down_revision = "0042_asks_under_way"
branch_labels = None
depends_on = None

OFFERS, UNDOS = "comparison_offers", "retractions"
OF = "rating_id, correction_id, comment_id"
LOST = {
    "undos of choices, which count again": "retractions WHERE comparison_id IS NOT NULL",
    "undos of choices of known pairs": """
        comparison_offers WHERE jsonb_path_exists(said, '$[*].taken_back_at')
    """,
}
# Of the forms before the last one it is not known what they said: they read as that one.
AS_A_JOURNAL = """
UPDATE comparison_offers SET said = (
    SELECT jsonb_agg(jsonb_build_object('by', form, 'choice', newest_choice, 'at', chosen_at) ORDER BY place)
    FROM unnest(said_by) WITH ORDINALITY AS forms (form, place)
) WHERE said_by <> '{}' AND newest_choice IS NOT NULL
"""
AS_THE_NEWEST = """
UPDATE comparison_offers SET
    said_by = ARRAY(SELECT CAST(one ->> 'by' AS uuid)
                    FROM jsonb_array_elements(said) WITH ORDINALITY AS ones (one, place) ORDER BY place),
    newest_choice = (SELECT one ->> 'choice'
                     FROM jsonb_array_elements(said) WITH ORDINALITY AS ones (one, place)
                     WHERE NOT one ? 'taken_back_at' ORDER BY place DESC LIMIT 1)
WHERE said <> '[]'
"""
ALSO_TAKEN_BACK = "ARRAY['choice', 'chosen_at', 'said']"
# Nothing of an offer's journal changes, but that something of it was taken back. The first choice goes where
# the journal has it so: that of comparisons, or the offer's.
MAY_CHANGE = """to_jsonb(NEW) - first_choice = to_jsonb(OLD) - first_choice
                AND NOT EXISTS (
                    SELECT FROM jsonb_array_elements(OLD.said) WITH ORDINALITY AS ones (one, place)
                    WHERE ((NEW.said -> CAST(place - 1 AS int)) @> one
                           AND (NEW.said -> CAST(place - 1 AS int)) - 'taken_back_at' = one - 'taken_back_at'
                    ) IS NOT TRUE
                ) AND (
                    OLD.choice IS NULL
                    OR ROW(NEW.choice, NEW.chosen_at) IS NOT DISTINCT FROM ROW(OLD.choice, OLD.chosen_at)
                    AND NEW.said <> OLD.said
                    OR EXISTS (
                        SELECT FROM retractions t JOIN comparisons k ON k.id = t.comparison_id
                        WHERE k.rater_id = OLD.rater_id AND k.left_answer_id = OLD.left_answer_id
                        AND k.right_answer_id = OLD.right_answer_id AND k.created_at = OLD.chosen_at
                    ) OR EXISTS (
                        SELECT FROM jsonb_array_elements(NEW.said) WITH ORDINALITY AS ones (one, place)
                        WHERE one ? 'taken_back_at' AND CAST(one ->> 'at' AS timestamptz) = OLD.chosen_at
                    )
                )"""
FIRST_AND_NEWEST = "ARRAY['choice', 'chosen_at', 'newest_choice', 'said_by']"
MIGHT_CHANGE = """OLD.choice IS NULL AND to_jsonb(NEW) - first_choice = to_jsonb(OLD) - first_choice
                OR OLD.kind = 'known' AND to_jsonb(NEW) - newest = to_jsonb(OLD) - newest
                AND NEW.newest_choice IS NOT NULL AND NEW.said_by @> OLD.said_by"""


def upgrade() -> None:
    op.add_column(UNDOS, sa.Column("comparison_id", sa.BigInteger()))
    op.create_foreign_key(
        op.f("retractions_comparison_id_fk"), UNDOS, "comparisons", ["comparison_id"], ["id"]
    )
    op.create_unique_constraint(op.f("retractions_comparison_id_uq"), UNDOS, ["comparison_id"])
    _one_of(f"{OF}, comparison_id")
    op.add_column(OFFERS, sa.Column("said", JSONB(), server_default=sa.text("'[]'"), nullable=False))
    _unguarded(OFFERS, AS_A_JOURNAL)
    op.create_check_constraint(
        op.f("comparison_offers_said_where_known_ck"), OFFERS, "kind = 'known' OR said = '[]'"
    )
    op.drop_constraint(op.f("comparison_offers_newest_where_known_ck"), OFFERS)
    op.drop_constraint(op.f("comparison_offers_newest_choice_known_ck"), OFFERS)
    op.drop_column(OFFERS, "said_by")
    op.drop_column(OFFERS, "newest_choice")
    _permit(ALSO_TAKEN_BACK, MAY_CHANGE)


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.add_column(OFFERS, sa.Column("newest_choice", sa.Text()))
    op.add_column(
        OFFERS, sa.Column("said_by", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False)
    )
    _unguarded(OFFERS, AS_THE_NEWEST)
    op.create_check_constraint(
        op.f("comparison_offers_newest_choice_known_ck"),
        OFFERS,
        "newest_choice IN ('left', 'right', 'tie', 'both bad')",
    )
    op.create_check_constraint(
        op.f("comparison_offers_newest_where_known_ck"),
        OFFERS,
        "kind = 'known' OR newest_choice IS NULL AND said_by = '{}'",
    )
    op.drop_constraint(op.f("comparison_offers_said_where_known_ck"), OFFERS)
    op.drop_column(OFFERS, "said")
    _permit(FIRST_AND_NEWEST, MIGHT_CHANGE)
    _unguarded(UNDOS, "DELETE FROM retractions WHERE comparison_id IS NOT NULL")
    _one_of(OF)
    op.drop_column(UNDOS, "comparison_id")


def _one_of(ids: str) -> None:
    op.drop_constraint(op.f("retractions_of_one_ck"), UNDOS)
    op.create_check_constraint(op.f("retractions_of_one_ck"), UNDOS, f"num_nonnulls({ids}) = 1")


def _unguarded(table: str, change: str) -> None:
    op.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    op.execute(change)
    op.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _permit(first: str, may_change: str) -> None:
    """`may_change` says what may, of the columns that are named `first` and of others."""
    op.execute(f"""
        CREATE OR REPLACE FUNCTION permit_choosing() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            first_choice text[] := {first};
            newest text[] := ARRAY['newest_choice', 'said_by'];
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF EXISTS (SELECT FROM raters WHERE id = OLD.rater_id AND erased_at IS NOT NULL) THEN
                    RETURN OLD;
                END IF;
            ELSIF NEW.pair_id IS NULL AND to_jsonb(NEW) - 'pair_id' = to_jsonb(OLD) - 'pair_id'
                OR {may_change}
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
