"""Decisions freeze their evidence in a file and tell how long what they lack takes to come in; none says PASS
without a check, or beside a check that does not.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0016_evidence_files"
down_revision = "0015_arms"
branch_labels = None
depends_on = None

LOST = {"evidence files of decisions": "gate_decisions WHERE evidence_digest IS NOT NULL"}
# As it was with every gate so far.
EARNED = (
    "verdict <> 'PASS' OR jsonb_array_length(checks) > 0 AND NOT checks @? '$[*] ? (@.verdict != \"PASS\")'"
)


def upgrade() -> None:
    op.add_column("gate_decisions", sa.Column("outlook", postgresql.JSONB(), nullable=True))
    op.add_column("gate_decisions", sa.Column("evidence_path", sa.Text(), nullable=True))
    op.add_column("gate_decisions", sa.Column("evidence_digest", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("gate_decisions_evidence_has_path_and_digest_ck"),
        "gate_decisions",
        "(evidence_path IS NULL) = (evidence_digest IS NULL)",
    )
    op.create_check_constraint(op.f("gate_decisions_pass_is_earned_ck"), "gate_decisions", EARNED)


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_constraint(op.f("gate_decisions_pass_is_earned_ck"), "gate_decisions")
    op.drop_constraint(op.f("gate_decisions_evidence_has_path_and_digest_ck"), "gate_decisions")
    op.drop_column("gate_decisions", "evidence_digest")
    op.drop_column("gate_decisions", "evidence_path")
    op.drop_column("gate_decisions", "outlook")
