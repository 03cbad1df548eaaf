"""Raters agree to what is kept of them, and what for, before they say anything of an answer."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0036_agreements"
down_revision = "0035_reviewing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        sa.Column("wording", sa.Integer(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("agreements_rater_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("agreements_pk")),
        sa.UniqueConstraint("rater_id", "wording", name=op.f("agreements_rater_id_wording_uq")),
    )
    op.execute(
        "CREATE TRIGGER agreements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON agreements "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER agreements_not_erased BEFORE INSERT ON agreements "
        "FOR EACH ROW EXECUTE FUNCTION refuse_erased_rater()"
    )


def downgrade() -> None:
    warn_of_loss(revision, {"agreements of raters, who are asked again": "agreements"})
    op.drop_table("agreements")
