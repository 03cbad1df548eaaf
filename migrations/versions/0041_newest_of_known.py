"""The newest choice of a known pair is kept beside the first one, as it is of any other pair."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0041_newest_of_known"
down_revision = "0040_newest_of_a_rater"
branch_labels = None
depends_on = None

TABLE = "comparison_offers"
FIRST = "ARRAY['choice', 'chosen_at']"
FIRST_AND_NEWEST = "ARRAY['choice', 'chosen_at', 'newest_choice', 'said_by']"
NEWEST_CHANGES = """OR OLD.kind = 'known' AND to_jsonb(NEW) - newest = to_jsonb(OLD) - newest
                AND NEW.newest_choice IS NOT NULL AND NEW.said_by @> OLD.said_by"""


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("newest_choice", sa.Text()))
    op.add_column(
        TABLE, sa.Column("said_by", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False)
    )
    op.create_check_constraint(
        op.f("comparison_offers_newest_choice_known_ck"),
        TABLE,
        "newest_choice IN ('left', 'right', 'tie', 'both bad')",
    )
    op.create_check_constraint(
        op.f("comparison_offers_newest_where_known_ck"),
        TABLE,
        "kind = 'known' OR newest_choice IS NULL AND said_by = '{}'",
    )
    _permit(FIRST_AND_NEWEST, NEWEST_CHANGES)


def downgrade() -> None:
    warn_of_loss(
        revision, {"newest choices of known pairs": "comparison_offers WHERE newest_choice IS NOT NULL"}
    )
    _permit(FIRST, "")
    op.drop_constraint(op.f("comparison_offers_newest_where_known_ck"), TABLE)
    op.drop_constraint(op.f("comparison_offers_newest_choice_known_ck"), TABLE)
    op.drop_column(TABLE, "said_by")
    op.drop_column(TABLE, "newest_choice")


def _permit(first: str, newest_changes: str) -> None:
    """The first choice is made once; `newest_changes` says what else may change."""
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
            ELSIF OLD.choice IS NULL AND to_jsonb(NEW) - first_choice = to_jsonb(OLD) - first_choice
                OR NEW.pair_id IS NULL AND to_jsonb(NEW) - 'pair_id' = to_jsonb(OLD) - 'pair_id'
                {newest_changes}
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
