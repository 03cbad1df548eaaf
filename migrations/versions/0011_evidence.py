"""Decisions rest on items: against an anchor too, on which items, and under which version of the gate.

Those of before compared means and cannot be replayed: they are version 1, and their anchor is the champion.
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
    op.drop_constraint(UNIQUE, "gate_decisions")
    op.create_unique_constraint(UNIQUE, "gate_decisions", [*INPUTS, "anchor_report_id", "gate_version"])


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.execute("""
        UPDATE gate_decisions SET checks = coalesce((
            SELECT jsonb_agg(
                one - 'asked' - 'against' - 'reference' - 'difference' - 'low' - 'high' - 'clusters'
                    - 'more_items' || jsonb_build_object('champion', one -> 'reference')
                ORDER BY place)
            FROM jsonb_array_elements(checks) WITH ORDINALITY AS of (one, place)), '[]')
    """)
    op.drop_constraint(UNIQUE, "gate_decisions")
    op.create_unique_constraint(UNIQUE, "gate_decisions", INPUTS)
    op.drop_column("gate_decisions", "opened")
    op.drop_column("gate_decisions", "used")
    op.drop_column("gate_decisions", "gate_version")
    op.drop_constraint(op.f("gate_decisions_anchor_report_id_fk"), "gate_decisions")
    op.drop_column("gate_decisions", "anchor_report_id")
