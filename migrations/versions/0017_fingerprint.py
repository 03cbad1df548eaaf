"""Reports keep how their version was served: the server's own facts, and the golden prompts put to it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0017_fingerprint"
down_revision = "0016_evidence_files"
branch_labels = None
depends_on = None

LOST = {
    "fingerprints of reports": "evaluation_reports WHERE fingerprint IS NOT NULL",
}


def upgrade() -> None:
    op.add_column("evaluation_reports", sa.Column("fingerprint", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_column("evaluation_reports", "fingerprint")
