"""A report keeps under which conditions its version was asked, apart from what answers were measured with.

With another classifier the same answers are measured anew, and nobody is asked again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022_answers_measured_anew"
down_revision = "0021_curator_sign_ins"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evaluation_reports", sa.Column("asked_digest", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("evaluation_reports", "asked_digest")
