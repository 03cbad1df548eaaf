"""What a running training reports, written down as it comes: where it is, its curve, scores, memory, stages.

Every report may come twice, since a run that was killed tells again what it did after its checkpoint; and one
may be missing, since a training does not end with the database: the end of its stage fills the gap.
"""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from services.db.lineage_tables import CheckpointScoreRow, TrainingPointRow, TrainingRunRow, TrainingSetRow
from services.domain.progress import CheckpointScored, MemoryExpected, Progress, StageEnded, TrainingReport
from services.training.storable import storable


def record(session: Session, run_id: int, report: TrainingReport, *, at: datetime) -> None:
    match report:
        case MemoryExpected():
            _set(session, run_id, memory={"parts": dict(report.parts), "available": report.available})
        case Progress():
            _record_progress(session, run_id, report, at=at)
        case CheckpointScored():
            _record_score(session, run_id, report, at=at)
        case StageEnded():
            _record_end(session, run_id, report, at=at)


def _record_progress(session: Session, run_id: int, progress: Progress, *, at: datetime) -> None:
    _set(
        session,
        run_id,
        step=progress.step,
        total_steps=progress.total_steps,
        loss=progress.loss,
        concessions=list(progress.concessions),
    )
    # What an attempt that was killed had reached after its checkpoint is done again.
    for table in (TrainingPointRow, CheckpointScoreRow):
        session.execute(delete(table).where(table.training_run_id == run_id, table.step > progress.step))
    point = insert(TrainingPointRow).values(
        training_run_id=run_id,
        stage=progress.stage,
        step=progress.step,
        loss=storable(progress.loss),
        tokens_per_second=progress.tokens_per_second,
        seconds_left=progress.seconds_left,
        at=at,
    )
    session.execute(_replacing(point, "loss", "tokens_per_second", "seconds_left", "at"))


def _record_score(session: Session, run_id: int, scored: CheckpointScored, *, at: datetime) -> None:
    score = insert(CheckpointScoreRow).values(
        training_run_id=run_id,
        stage=scored.stage,
        step=scored.step,
        loss=storable(scored.loss),
        previews=[] if _is_redacted(session, run_id) else storable(scored.previews),
        at=at,
    )
    session.execute(_replacing(score, "loss", "previews", "at"))


def _is_redacted(session: Session, run_id: int) -> bool:
    """Whether a rater whom the run learns from was erased meanwhile; who erases now waits for this report."""
    redacted_at = session.scalar(
        select(TrainingSetRow.redacted_at)
        .join(TrainingRunRow, TrainingRunRow.training_set_id == TrainingSetRow.id)
        .where(TrainingRunRow.id == run_id)
        .with_for_update(read=True, of=TrainingSetRow)
    )
    return redacted_at is not None


def _record_end(session: Session, run_id: int, ended: StageEnded, *, at: datetime) -> None:
    result = ended.result
    missed = [
        {"training_run_id": run_id, "stage": ended.stage, "step": ended.steps_before + step}
        | {"loss": storable(loss), "at": at}
        for step, loss in result.losses
    ]
    if missed:
        session.execute(insert(TrainingPointRow).values(missed).on_conflict_do_nothing())
    for one in result.evaluations:
        scored = CheckpointScored(ended.stage, ended.steps_before + one.step, one.loss, one.previews)
        _record_score(session, run_id, scored, at=at)
    run = session.get_one(TrainingRunRow, run_id, with_for_update=True)
    # The curve and the scores have tables of their own.
    told = {name: value for name, value in asdict(result).items() if name not in {"losses", "evaluations"}}
    run.stages = [*run.stages[: ended.stage - 1], {key: storable(value) for key, value in told.items()}]
    run.concessions = []


def _set(session: Session, run_id: int, **values: object) -> None:
    session.execute(update(TrainingRunRow).where(TrainingRunRow.id == run_id).values(**values))


def _replacing(statement: Insert, *columns: str) -> Insert:
    return statement.on_conflict_do_update(
        index_elements=["training_run_id", "stage", "step"],
        set_={column: statement.excluded[column] for column in columns},
    )
