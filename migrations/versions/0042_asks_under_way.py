"""The asks that wait for a model, by rater: the web app's processes share how many one may have."""

import sqlalchemy as sa
from alembic import op

revision = "0042_asks_under_way"
down_revision = "0041_newest_of_known"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asks_under_way",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("rater_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, index=True),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("asks_under_way")
