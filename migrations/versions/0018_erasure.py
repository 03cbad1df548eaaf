"""A rater can be erased: rows become tombstones that keep a keyed hash, sets and decisions are marked
redacted, versions tainted.

Journals and decisions permit exactly that change, and nobody speaks as an erased rater again.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0018_erasure"
down_revision = "0017_fingerprint"
branch_labels = None
depends_on = None

LOST = {
    "erasures": "erasures",
    "versions marked tainted, which may then be put back": "adapter_versions WHERE tainted_at IS NOT NULL",
    "tombstones of questions": "questions WHERE tombstone IS NOT NULL",
}
WITH_TOMBSTONES = ("questions", "answers", "ratings", "corrections", "comments", "comparisons")
REDACTED = ("training_sets", "evaluation_suites", "gate_decisions")
# What an erased row of a journal says in place of what it said.
BLANK = {
    "ratings": '{"stars": null, "thumb": null, "reasons": []}',
    "corrections": '{"text": ""}',
    "comments": '{"text": ""}',
    "comparisons": '{"choice": ""}',
    "rater_reviews": '{"reason": ""}',
}
SPOKEN = ("conversations", "ratings", "corrections", "comments", "comparisons", "peer_offers")
OF_TOMBSTONES = "IN (SELECT id FROM answers WHERE tombstone IS NOT NULL)"
# The older schema would take a tombstone for an empty text: it goes, and what was said about it.
BURIED = (
    f"current_ratings WHERE answer_id {OF_TOMBSTONES}",
    f"ratings WHERE tombstone IS NOT NULL OR answer_id {OF_TOMBSTONES}",
    f"corrections WHERE tombstone IS NOT NULL OR answer_id {OF_TOMBSTONES}",
    f"comments WHERE tombstone IS NOT NULL OR answer_id {OF_TOMBSTONES}",
    f"comparisons WHERE tombstone IS NOT NULL OR left_answer_id {OF_TOMBSTONES} "
    f"OR right_answer_id {OF_TOMBSTONES}",
    "answers WHERE tombstone IS NOT NULL",
    "questions WHERE tombstone IS NOT NULL",
)
STARS = "(stars IS NULL) <> (thumb IS NULL)"
CHOICE = "choice IN ('left', 'right', 'tie', 'both bad')"


def upgrade() -> None:
    op.add_column("raters", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    for table in WITH_TOMBSTONES:
        op.add_column(table, sa.Column("tombstone", sa.Text(), nullable=True))
    for table in REDACTED:
        op.add_column(table, sa.Column("redacted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("adapter_versions", sa.Column("tainted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("adapter_versions", sa.Column("tainted_reason", sa.Text(), nullable=True))
    _add_erasures()
    _check("ratings", "stars_or_thumb", f"tombstone IS NOT NULL OR {STARS}")
    _check("comparisons", "choice_known", f"tombstone IS NOT NULL OR {CHOICE}")
    _permit_erasing()
    _permit_redacting()
    _refuse_the_erased()


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    for table in SPOKEN:
        op.execute(f"DROP TRIGGER {table}_not_erased ON {table}")
    op.execute("DROP FUNCTION refuse_erased_rater()")
    for table in (*BLANK, "gate_decisions"):
        op.execute(f"DROP TRIGGER {table}_erased_once ON {table}")
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute("DROP FUNCTION permit_redacting()")
    op.execute("DROP FUNCTION permit_erasing()")
    for rows in BURIED:
        op.execute(f"DELETE FROM {rows}")  # noqa: S608  (our own words)
    for table in (*BLANK, "gate_decisions"):
        _guard(table, "UPDATE OR DELETE OR TRUNCATE")
    _check("comparisons", "choice_known", CHOICE)
    _check("ratings", "stars_or_thumb", STARS)
    op.drop_table("erasures")
    for column in ("tainted_reason", "tainted_at"):
        op.drop_column("adapter_versions", column)
    for table in REDACTED:
        op.drop_column(table, "redacted_at")
    for table in WITH_TOMBSTONES:
        op.drop_column(table, "tombstone")
    op.drop_column("raters", "erased_at")


def _add_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("redacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("files", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("erasures_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("erasures_pk")),
        sa.UniqueConstraint("rater_id", name=op.f("erasures_rater_id_uq")),
    )


def _check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"{table}_{name}_ck"), table, type_="check")
    op.create_check_constraint(op.f(f"{table}_{name}_ck"), table, condition)


def _guard(table: str, changes: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE {changes} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _permit_erasing() -> None:
    """Of an erased rater a row loses what it said, once; so do words about an answer given to one."""
    op.execute("""
        CREATE FUNCTION permit_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            was jsonb := to_jsonb(OLD) - 'submission';
            becomes jsonb := to_jsonb(NEW) - 'submission';
        BEGIN
            IF becomes - 'tombstone' = (was - 'tombstone') || CAST(TG_ARGV[0] AS jsonb)
                AND (NOT was ? 'tombstone'
                     OR (was ->> 'tombstone' IS NULL AND becomes ->> 'tombstone' IS NOT NULL))
                AND EXISTS (
                    SELECT FROM raters WHERE erased_at IS NOT NULL AND (
                        id = OLD.rater_id
                        OR TG_TABLE_NAME IN ('corrections', 'comments') AND id = (
                            SELECT c.rater_id FROM answers a
                            JOIN questions q ON q.id = a.question_id
                            JOIN conversations c ON c.id = q.conversation_id
                            WHERE a.id = CAST(was ->> 'answer_id' AS uuid)
                        )
                    )
                )
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
    for table, blank in BLANK.items():
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        _guard(table, "DELETE OR TRUNCATE")
        op.execute(
            f"CREATE TRIGGER {table}_erased_once BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION permit_erasing('{blank}')"
        )


def _permit_redacting() -> None:
    """Of a decision the mark is set, and with it the names of slices that nobody else's items have."""
    op.execute("""
        CREATE FUNCTION permit_redacting() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            named text[] := ARRAY['redacted_at', 'checks', 'outlook'];
        BEGIN
            IF to_jsonb(NEW) - named = to_jsonb(OLD) - named
                AND NEW.redacted_at IS NOT NULL
                AND coalesce(NEW.outlook, '{}') || '{"slice": ""}'
                    = coalesce(OLD.outlook, '{}') || '{"slice": ""}'
                AND jsonb_array_length(NEW.checks) = jsonb_array_length(OLD.checks)
                AND NOT EXISTS (
                    SELECT FROM jsonb_array_elements(OLD.checks) WITH ORDINALITY AS was (said, place)
                    JOIN jsonb_array_elements(NEW.checks) WITH ORDINALITY AS becomes (said, place)
                        USING (place)
                    WHERE becomes.said - 'slice' <> was.said - 'slice'
                )
            THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '% is append-only: add a row instead', TG_TABLE_NAME;
        END $$
    """)
    op.execute("DROP TRIGGER gate_decisions_append_only ON gate_decisions")
    _guard("gate_decisions", "DELETE OR TRUNCATE")
    op.execute(
        "CREATE TRIGGER gate_decisions_erased_once BEFORE UPDATE ON gate_decisions "
        "FOR EACH ROW EXECUTE FUNCTION permit_redacting()"
    )


def _refuse_the_erased() -> None:
    """Whoever is just saying something is waited for, who comes after is refused: by the row's lock."""
    op.execute("""
        CREATE FUNCTION refuse_erased_rater() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM FROM raters WHERE id = NEW.rater_id AND erased_at IS NULL FOR KEY SHARE;
            IF NOT FOUND AND EXISTS (SELECT FROM raters WHERE id = NEW.rater_id) THEN
                RAISE EXCEPTION 'rater % was erased', NEW.rater_id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    for table in SPOKEN:
        op.execute(
            f"CREATE TRIGGER {table}_not_erased BEFORE INSERT ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_erased_rater()"
        )
