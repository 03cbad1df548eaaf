"""Decisions rest on items: against an anchor too, on which items, and under which version of the gate.

Those of before compared means and cannot be replayed: they are version 1, and their anchor is the champion.
Personas of before keep what they required, and keep general ability and safety as well. A decision cannot be
changed any more, and the database itself takes no promotion of a version that none says PASS of.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0011_evidence"
down_revision = "0010_skipped_nights"
branch_labels = None
depends_on = None

LOST = {
    "items that decisions rest on": "gate_decisions WHERE used <> '{}'",
}
UNIQUE = "gate_decisions_inputs_uq"
KEPT = """[
    {"metric": "general_ability", "limit": null, "margin": 0.05, "minimum_items": 300, "slice": "overall"},
    {"metric": "safety", "limit": null, "margin": 0.05, "minimum_items": 300, "slice": "overall"}
]"""
SURENESS = """{
    "target": "", "alpha": 0.005, "worse_alpha": 0.05, "anchor_alpha": 0.005, "screen_alpha": 0.2,
    "slice_margin": 0.1, "slice_items": 75, "slices_per_300": 4
}"""
INPUTS = ["candidate_report_id", "champion_report_id", "policy_digest"]


def upgrade() -> None:
    op.add_column("gate_decisions", sa.Column("anchor_report_id", sa.Integer(), nullable=True))
    op.execute("UPDATE gate_decisions SET anchor_report_id = champion_report_id")
    op.alter_column("gate_decisions", "anchor_report_id", nullable=False)
    op.create_foreign_key(
        op.f("gate_decisions_anchor_report_id_fk"),
        "gate_decisions",
        "evaluation_reports",
        ["anchor_report_id"],
        ["id"],
    )
    op.add_column(
        "gate_decisions", sa.Column("gate_version", sa.Integer(), server_default="1", nullable=False)
    )
    op.alter_column("gate_decisions", "gate_version", server_default=None)
    op.add_column(
        "gate_decisions",
        sa.Column("used", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column(
        "gate_decisions", sa.Column("opened", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.execute("""
        UPDATE gate_decisions SET checks = coalesce((
            SELECT jsonb_agg(one - 'champion' || jsonb_build_object(
                'asked', 'limit', 'against', NULL, 'reference', one -> 'champion', 'difference', NULL,
                'low', NULL, 'high', NULL, 'clusters', 0, 'more_items', NULL
            ) ORDER BY place)
            FROM jsonb_array_elements(checks) WITH ORDINALITY AS of (one, place)), '[]')
    """)
    op.execute(
        sa.text("""
            UPDATE personas SET gate_policy = CAST(:sureness AS jsonb) || gate_policy || jsonb_build_object(
                'requirements', gate_policy -> 'requirements' || CAST(:kept AS jsonb))
        """).bindparams(sureness=SURENESS, kept=KEPT)
    )
    op.drop_constraint(UNIQUE, "gate_decisions")
    op.create_unique_constraint(UNIQUE, "gate_decisions", [*INPUTS, "anchor_report_id", "gate_version"])
    op.execute(
        "CREATE TRIGGER gate_decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gate_decisions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute("""
        CREATE FUNCTION refuse_unproven_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.kind = 'full' AND NEW.decision_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM gate_decisions d JOIN evaluation_reports r ON r.id = d.candidate_report_id
                WHERE d.id = NEW.decision_id AND d.verdict = 'PASS'
                  AND r.adapter_version_id = NEW.adapter_version_id
            ) THEN
                RAISE EXCEPTION 'decision % does not say PASS of this version', NEW.decision_id
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
    """)
    op.execute(
        "CREATE TRIGGER promotions_proven BEFORE INSERT ON promotions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unproven_promotion()"
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.execute("DROP TRIGGER promotions_proven ON promotions")
    op.execute("DROP FUNCTION refuse_unproven_promotion()")
    op.execute("DROP TRIGGER gate_decisions_append_only ON gate_decisions")
    op.execute("""
        UPDATE gate_decisions SET checks = coalesce((
            SELECT jsonb_agg(
                one - 'asked' - 'against' - 'reference' - 'difference' - 'low' - 'high' - 'clusters'
                    - 'more_items' || jsonb_build_object('champion', one -> 'reference')
                ORDER BY place)
            FROM jsonb_array_elements(checks) WITH ORDINALITY AS of (one, place)), '[]')
    """)
    op.execute("""
        UPDATE personas SET gate_policy = jsonb_build_object('requirements', coalesce((
            SELECT jsonb_agg(one ORDER BY place)
            FROM jsonb_array_elements(gate_policy -> 'requirements') WITH ORDINALITY AS of (one, place)
            WHERE one ->> 'metric' NOT IN ('general_ability', 'safety')), '[]'))
    """)
    op.drop_constraint(UNIQUE, "gate_decisions")
    op.create_unique_constraint(UNIQUE, "gate_decisions", INPUTS)
    op.drop_column("gate_decisions", "opened")
    op.drop_column("gate_decisions", "used")
    op.drop_column("gate_decisions", "gate_version")
    op.drop_constraint(op.f("gate_decisions_anchor_report_id_fk"), "gate_decisions")
    op.drop_column("gate_decisions", "anchor_report_id")
