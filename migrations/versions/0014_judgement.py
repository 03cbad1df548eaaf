"""People's blind judgements between the answers of two versions: an append-only journal."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0014_judgement"
down_revision = "0013_retention"
branch_labels = None
depends_on = None

LOST = {
    "judgements of people between two versions": "judgements",
}


def upgrade() -> None:
    op.create_table(
        "judgements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("candidate_report_id", sa.Integer(), nullable=False),
        sa.Column("champion_report_id", sa.Integer(), nullable=False),
        sa.Column("item_key", sa.Text(), nullable=False),
        sa.Column("judge", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "choice IN ('candidate', 'champion', 'tie', 'both bad')",
            name=op.f("judgements_choice_known_ck"),
        ),
        sa.ForeignKeyConstraint(
            ["candidate_report_id"],
            ["evaluation_reports.id"],
            name=op.f("judgements_candidate_report_id_fk"),
        ),
        sa.ForeignKeyConstraint(
            ["champion_report_id"],
            ["evaluation_reports.id"],
            name=op.f("judgements_champion_report_id_fk"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("judgements_pk")),
        sa.UniqueConstraint(
            "candidate_report_id", "champion_report_id", "item_key", "judge", name="judgements_once_uq"
        ),
    )
    op.execute(
        "CREATE TRIGGER judgements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON judgements "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_table("judgements")
