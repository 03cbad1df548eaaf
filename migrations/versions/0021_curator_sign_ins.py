"""Sign-ins of curators, which end when the curator leaves."""

import sqlalchemy as sa
from alembic import op

revision = "0021_curator_sign_ins"
down_revision = "0020_ledger_in_order"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "curator_sign_ins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("curator_sign_ins_pk")),
    )


def downgrade() -> None:
    op.drop_table("curator_sign_ins")
