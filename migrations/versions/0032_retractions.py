"""What was just said can be taken back: a row that points at it, while its journal keeps it."""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0032_retractions"
down_revision = "0031_stopping"
branch_labels = None
depends_on = None

OF = ("rating", "correction", "comment")


def upgrade() -> None:
    op.create_table(
        "retractions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=False),
        sa.Column("rater_id", sa.Uuid(), nullable=False),
        *(sa.Column(f"{said}_id", sa.BigInteger(), nullable=True) for said in OF),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(rating_id, correction_id, comment_id) = 1", name=op.f("retractions_of_one_ck")
        ),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("retractions_answer_id_fk")),
        sa.ForeignKeyConstraint(["rater_id"], ["raters.id"], name=op.f("retractions_rater_id_fk")),
        *(
            sa.ForeignKeyConstraint([f"{said}_id"], [f"{said}s.id"], name=op.f(f"retractions_{said}_id_fk"))
            for said in OF
        ),
        *(sa.UniqueConstraint(f"{said}_id", name=op.f(f"retractions_{said}_id_uq")) for said in OF),
        sa.PrimaryKeyConstraint("id", name=op.f("retractions_pk")),
    )
    op.create_index(op.f("retractions_rater_id_ix"), "retractions", ["rater_id"])
    op.create_index(op.f("retractions_at_ix"), "retractions", ["at"])
    op.execute(
        "CREATE TRIGGER retractions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON retractions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER retractions_not_erased BEFORE INSERT ON retractions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_erased_rater()"
    )


def downgrade() -> None:
    warn_of_loss(revision, {"undos, after which what they took back counts again": "retractions"})
    op.drop_table("retractions")
