"""What somebody rated is found without looking at all ratings there are."""

from alembic import op

revision = "0037_ratings_of_a_rater"
down_revision = "0036_agreements"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ratings_rater_id_ix"), "ratings", ["rater_id"])


def downgrade() -> None:
    op.drop_index(op.f("ratings_rater_id_ix"), table_name="ratings")
