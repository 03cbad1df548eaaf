"""A serving name comes from an adapter's digest, so a persona has one version of equal files."""

from alembic import op

revision = "0005_one_version_of_equal_files"
down_revision = "0004_question_submission"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_unique_constraint(
        op.f("adapter_versions_persona_id_digest_uq"), "adapter_versions", ["persona_id", "digest"]
    )


def downgrade() -> None:
    op.drop_constraint(op.f("adapter_versions_persona_id_digest_uq"), "adapter_versions", type_="unique")
