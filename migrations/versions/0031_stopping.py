"""Who asked may have had enough while the answer is written."""

import sqlalchemy as sa
from alembic import op

revision = "0031_stopping"
down_revision = "0030_alerts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("questions", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("questions", "stopped_at")
