"""Training runs in PostgreSQL: begun or resumed by key, ended once. What they report is `reporting`'s."""

import re
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.advisory_locks import Space, held_in
from services.db.lineage_tables import TrainingRunRow, TrainingSetRow
from services.domain.training import Recipe, RunState, TrainedAdapter
from services.errors.refusals import SetLearntNow
from services.errors.tree import PersonaLoopError

# Of an absolute path all but its last name.
_FOLDERS = re.compile(r"(?<![\w.:/])(?:file://)?/(?:[^\s/'\"]+/)+")
FRESH = ""  # the starting digest of an adapter that starts from the base


def begin(
    session: Session,
    *,
    training_set_id: int,
    recipe: Recipe,
    recipe_digest: str,
    starting_digest: str,
    at: datetime,
) -> TrainingRunRow:
    """The run of this set, recipe and start, marked running unless it has already succeeded.

    `recipe_digest` stands for the recipe and the stages it is used in, `starting_digest` for the adapter
    to go on from (FRESH for none).
    """
    session.execute(
        insert(TrainingRunRow)
        .values(
            training_set_id=training_set_id,
            recipe=asdict(recipe),
            recipe_digest=recipe_digest,
            starting_digest=starting_digest,
            state=RunState.RUNNING,
            started_at=at,
        )
        .on_conflict_do_nothing(constraint="training_runs_inputs_uq")
    )
    run = session.scalars(
        select(TrainingRunRow)
        .where(
            TrainingRunRow.training_set_id == training_set_id,
            TrainingRunRow.recipe_digest == recipe_digest,
            TrainingRunRow.starting_digest == starting_digest,
        )
        .with_for_update()
    ).one()
    if run.state != RunState.SUCCEEDED:
        run.state, run.error, run.finished_at = RunState.RUNNING, None, None
    return run


def check_alone(
    session: Session, training_set: TrainingSetRow, recipe_digest: str, *, starting_digest: str
) -> None:
    """Raises SetLearntNow where a process learns another set of the persona's with the same rows just so."""
    other = session.scalar(
        select(TrainingRunRow)
        .join(TrainingRunRow.training_set)
        .where(
            TrainingSetRow.persona_id == training_set.persona_id,
            TrainingSetRow.id != training_set.id,
            TrainingSetRow.digest == training_set.digest,
            TrainingRunRow.recipe_digest == recipe_digest,
            TrainingRunRow.starting_digest == starting_digest,
            TrainingRunRow.state == RunState.RUNNING,
            TrainingRunRow.id.in_(held_in(session, Space.RUNS)),
        )
        .limit(1)
    )
    if other is not None:
        raise SetLearntNow(training_set.id, other=other.training_set_id, run_id=other.id)


def folder_name(run: TrainingRunRow) -> str:
    """The name of its work folder. What is learnt is in it too: a restored database counts its runs anew."""
    digests = (run.training_set.digest, run.recipe_digest, run.starting_digest)
    return "-".join(filter(None, (f"{run.id:06d}", *(digest[:12] for digest in digests))))


def succeed(session: Session, run_id: int, trained: TrainedAdapter, *, at: datetime) -> None:
    run = session.get_one(TrainingRunRow, run_id)
    run.state, run.finished_at = RunState.SUCCEEDED, at
    run.step = run.total_steps = trained.steps
    run.loss, run.supervised_tokens = trained.final_loss, trained.supervised_tokens


def fail(session: Session, run_id: int, *, error: Exception, at: datetime) -> None:
    """What is kept of the error is for everybody's eyes: no folders, nothing that a library says."""
    run = session.get_one(TrainingRunRow, run_id)
    run.state, run.error, run.finished_at = RunState.FAILED, _sentence(error), at


def _sentence(error: Exception) -> str:
    if isinstance(error, PersonaLoopError):
        return _FOLDERS.sub("", str(error))
    return (
        f"It ended with {type(error).__name__}, which was not foreseen: the log of the process that trained "
        "says more."
    )
