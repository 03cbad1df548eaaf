"""Personas of before say where their nights start and how much they replay: as until now, at the base."""

from alembic import op

from services.db.undoing import warn_of_loss

revision = "0009_where_nights_start"
down_revision = "0008_training_progress"
branch_labels = None
depends_on = None

LOST = {
    "personas' own start or replay": "personas "
    """WHERE example_policy || '{"start": "base", "replay_percent": 10}' <> example_policy""",
}


def upgrade() -> None:
    op.execute(
        """UPDATE personas SET example_policy = '{"start": "base", "replay_percent": 10}' || example_policy"""
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.execute("UPDATE personas SET example_policy = example_policy - 'start' - 'replay_percent'")
