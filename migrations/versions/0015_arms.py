"""Reports know their arm: whom the items were put to beside a version, and what asking took.

Those of before are of versions themselves.
"""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0015_arms"
down_revision = "0014_judgement"
branch_labels = None
depends_on = None

UNIQUE = "evaluation_reports_conditions_uq"
CONDITIONS = ["adapter_version_id", "suite_digest", "prompt_version", "settings_digest"]


def upgrade() -> None:
    op.add_column(
        "evaluation_reports", sa.Column("arm", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("evaluation_reports", sa.Column("seconds", sa.Float(), nullable=True))
    op.drop_constraint(UNIQUE, "evaluation_reports")
    op.create_unique_constraint(UNIQUE, "evaluation_reports", [*CONDITIONS, "arm"])


def downgrade() -> None:
    warn_of_loss(revision, {"reports of other arms": "evaluation_reports WHERE arm <> ''"})
    op.execute("DELETE FROM evaluation_reports WHERE arm <> ''")
    op.drop_constraint(UNIQUE, "evaluation_reports")
    op.create_unique_constraint(UNIQUE, "evaluation_reports", CONDITIONS)
    op.drop_column("evaluation_reports", "seconds")
    op.drop_column("evaluation_reports", "arm")
