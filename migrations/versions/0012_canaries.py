"""A promotion can go to a share of conversations first, and may need somebody's approval.

The ledger knows canaries, an answer the one it was drawn in and how likely its version was, and looks at a
canary's ratings and approvals are kept. The database lets a version that nothing says PASS of serve everyone
only out of a canary whose ratings said so, and no version whose policy asks for an approval without one.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0012_canaries"
down_revision = "0011_evidence"
branch_labels = None
depends_on = None

LOST = {
    "canaries": "promotions WHERE kind = 'canary'",
    "looks at canaries": "canary_looks",
    "approvals": "approvals",
    "answers' part in a canary": "answers WHERE promotion_id IS NOT NULL",
    "personas' rules for canaries": "personas WHERE canary_policy <> '{}'",
    "policies that ask for an approval": "personas WHERE CAST(gate_policy ->> 'approval' AS boolean)",
}
APPEND_ONLY = ("approvals", "canary_looks")
KIND_KNOWN = "promotions_kind_known_ck"


def upgrade() -> None:
    _add_columns()
    _add_tables()
    op.drop_constraint(KIND_KNOWN, "promotions")
    op.create_check_constraint(
        op.f(KIND_KNOWN), "promotions", "kind IN ('canary', 'full', 'rollback', 'reinstate')"
    )
    op.execute(
        "UPDATE personas SET gate_policy = gate_policy || '{\"approval\": false}' "
        "WHERE gate_policy ? 'requirements'"
    )
    _replace_proof(OWED_SINCE_CANARIES)


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    _replace_proof(OWED_BEFORE)
    op.execute("UPDATE personas SET gate_policy = gate_policy - 'approval'")
    op.drop_table("canary_looks")
    op.drop_table("approvals")
    op.drop_index("answers_canary_ix", "answers")
    for check in ("drawn_in_a_canary", "propensity_range"):
        op.drop_constraint(op.f(f"answers_{check}_ck"), "answers")
    op.drop_column("answers", "propensity")
    op.drop_column("answers", "promotion_id")
    op.drop_column("personas", "canary_policy")
    op.execute("ALTER TABLE promotions DISABLE TRIGGER promotions_append_only")
    op.execute("DELETE FROM promotions WHERE kind = 'canary'")
    op.execute("ALTER TABLE promotions ENABLE TRIGGER promotions_append_only")
    op.drop_constraint(KIND_KNOWN, "promotions")
    op.create_check_constraint(op.f(KIND_KNOWN), "promotions", "kind IN ('full', 'rollback', 'reinstate')")
    for check in ("canary_has_a_share", "share_range"):
        op.drop_constraint(op.f(f"promotions_{check}_ck"), "promotions")
    op.drop_column("promotions", "share")


def _add_columns() -> None:
    op.add_column(
        "personas",
        sa.Column("canary_policy", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("promotions", sa.Column("share", sa.Float(), nullable=True))
    op.create_check_constraint(
        op.f("promotions_canary_has_a_share_ck"), "promotions", "(kind = 'canary') = (share IS NOT NULL)"
    )
    op.create_check_constraint(op.f("promotions_share_range_ck"), "promotions", "share > 0 AND share < 1")
    op.add_column("answers", sa.Column("promotion_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("answers_promotion_id_fk"), "answers", "promotions", ["promotion_id"], ["id"])
    op.add_column("answers", sa.Column("propensity", sa.Float(), server_default=sa.text("1"), nullable=False))
    op.create_check_constraint(
        op.f("answers_propensity_range_ck"), "answers", "propensity > 0 AND propensity <= 1"
    )
    op.create_check_constraint(
        op.f("answers_drawn_in_a_canary_ck"), "answers", "promotion_id IS NOT NULL OR propensity = 1"
    )
    op.create_index(
        "answers_canary_ix",
        "answers",
        ["promotion_id"],
        unique=False,
        postgresql_where=sa.text("promotion_id IS NOT NULL"),
    )


def _add_tables() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("approvals_reason_given_ck")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["gate_decisions.id"], name=op.f("approvals_decision_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approvals_pk")),
        sa.UniqueConstraint("decision_id", name=op.f("approvals_decision_id_uq")),
    )
    op.create_table(
        "canary_looks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("promotion_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("numbers", postgresql.JSONB(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('keep', 'full', 'rollback')", name=op.f("canary_looks_verdict_known_ck")
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("canary_looks_promotion_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("canary_looks_pk")),
    )
    op.create_index("canary_looks_newest_ix", "canary_looks", ["promotion_id", "id"], unique=False)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


OWED_BEFORE = """
    IF NEW.kind = 'full' AND NEW.decision_id IS NOT NULL AND coalesce(decided.verdict, '') <> 'PASS' THEN
        RAISE EXCEPTION 'decision % does not say PASS of this version', NEW.decision_id
            USING ERRCODE = 'check_violation';
    END IF;
"""
OWED_SINCE_CANARIES = """
    IF NEW.kind = 'canary' AND (
        coalesce(decided.verdict, '') NOT IN ('PASS', 'INSUFFICIENT') OR trim(NEW.reason) = ''
    ) THEN
        RAISE EXCEPTION 'a canary needs a reason and a decision on this version that is no FAIL'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind = 'canary' AND 'canary' = (
        SELECT kind FROM promotions WHERE persona_id = NEW.persona_id ORDER BY id DESC LIMIT 1
    ) THEN
        RAISE EXCEPTION 'one canary is open, and another cannot begin' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind = 'full' AND NEW.decision_id IS NOT NULL AND coalesce(decided.verdict, '') <> 'PASS'
        AND NOT (coalesce(decided.verdict, '') = 'INSUFFICIENT' AND EXISTS (
            SELECT 1 FROM promotions c JOIN canary_looks l ON l.promotion_id = c.id
            WHERE c.decision_id = NEW.decision_id AND c.kind = 'canary' AND l.verdict = 'full'
        ))
    THEN
        RAISE EXCEPTION 'decision % does not say PASS of this version', NEW.decision_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.kind IN ('canary', 'full') AND CAST(decided.policy ->> 'approval' AS boolean)
        AND NOT EXISTS (SELECT 1 FROM approvals a WHERE a.decision_id = NEW.decision_id)
    THEN
        RAISE EXCEPTION 'decision % asks for an approval, and nobody gave one', NEW.decision_id
            USING ERRCODE = 'check_violation';
    END IF;
"""


def _replace_proof(owed: str) -> None:
    """What the database asks of a row of the ledger, given the decision that it names on its very version."""
    op.execute(f"""
        CREATE OR REPLACE FUNCTION refuse_unproven_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            decided record;
        BEGIN
            SELECT d.verdict, d.policy INTO decided
            FROM gate_decisions d
            JOIN evaluation_reports r ON r.id = d.candidate_report_id
            JOIN adapter_versions v ON v.id = r.adapter_version_id
            WHERE d.id = NEW.decision_id AND v.id = NEW.adapter_version_id AND v.persona_id = NEW.persona_id;
            {owed}
            RETURN NEW;
        END $$
    """)  # noqa: S608  (our own words)
