"""A training run can be watched: points of its loss curve, scores of its checkpoints, memory, stages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.undoing import warn_of_loss

revision = "0008_training_progress"
down_revision = "0007_answer_formats"
branch_labels = None
depends_on = None

LOST = {
    "points of loss curves": "training_points",
    "scores of checkpoints": "checkpoint_scores",
    "runs' memory, concessions or stages": "training_runs "
    "WHERE memory <> '{}' OR concessions <> '[]' OR stages <> '[]'",
}

COLUMNS = {"memory": "'{}'", "concessions": "'[]'", "stages": "'[]'"}


def upgrade() -> None:
    for name, empty in COLUMNS.items():
        op.add_column(
            "training_runs",
            sa.Column(name, postgresql.JSONB(), server_default=sa.text(empty), nullable=False),
        )
    _create(
        "training_points",
        sa.Column("tokens_per_second", sa.Float(), nullable=True),
        sa.Column("seconds_left", sa.Float(), nullable=True),
    )
    _create("checkpoint_scores", sa.Column("previews", postgresql.JSONB(), nullable=False))


def _create(table: str, *own: sa.Column[object]) -> None:
    op.create_table(
        table,
        sa.Column("training_run_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Float(), nullable=True),
        *own,
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["training_run_id"], ["training_runs.id"], name=op.f(f"{table}_training_run_id_fk")
        ),
        sa.PrimaryKeyConstraint("training_run_id", "stage", "step", name=op.f(f"{table}_pk")),
    )


def downgrade() -> None:
    warn_of_loss(revision, LOST)
    op.drop_table("checkpoint_scores")
    op.drop_table("training_points")
    for name in COLUMNS:
        op.drop_column("training_runs", name)
