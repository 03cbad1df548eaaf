"""The newest ratings of a rater are found without sorting all of theirs, or looking among all there are."""

from alembic import op

revision = "0040_newest_of_a_rater"
down_revision = "0039_reasons_of_pairs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ratings_rater_id_id_ix"), "ratings", ["rater_id", "id"])
    op.drop_index(op.f("ratings_rater_id_ix"), table_name="ratings")


def downgrade() -> None:
    op.create_index(op.f("ratings_rater_id_ix"), "ratings", ["rater_id"])
    op.drop_index(op.f("ratings_rater_id_id_ix"), table_name="ratings")
