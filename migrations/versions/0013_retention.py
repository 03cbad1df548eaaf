"""A version may lose its files and keep its row: when that was.

Undone, such a version is marked unsound, which the older release neither serves nor rolls back to.
"""

import sqlalchemy as sa
from alembic import op

from services.db.undoing import warn_of_loss

revision = "0013_retention"
down_revision = "0012_canaries"
branch_labels = None
depends_on = None

REMOVED = "adapter_versions WHERE removed_at IS NOT NULL"
LOST = {"marks of versions whose files were removed": REMOVED}


def upgrade() -> None:
    op.add_column("adapter_versions", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("adapter_versions_the_base_has_nothing_to_remove_ck"),
        "adapter_versions",
        "removed_at IS NULL OR number > 0",
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.execute("""
        UPDATE adapter_versions SET unsound_at = removed_at, unsound_reason = 'its files were removed'
        WHERE removed_at IS NOT NULL AND unsound_at IS NULL
    """)
    op.drop_constraint(op.f("adapter_versions_the_base_has_nothing_to_remove_ck"), "adapter_versions")
    op.drop_column("adapter_versions", "removed_at")
