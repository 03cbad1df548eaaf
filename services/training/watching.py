"""Training runs as people watch them: those of a persona, and one with its curve, scores and stages.

Reads what `reporting` wrote; each page is a fixed number of statements. Nothing here writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from services.db.advisory_locks import Space, held_in
from services.db.decisions import newest_decision_on
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import (
    AdapterVersionRow,
    CheckpointScoreRow,
    GateDecisionRow,
    TrainingPointRow,
    TrainingRunRow,
    TrainingSetRow,
)
from services.domain.training import Objective, RunState, portable
from services.errors.lookups import UnknownRecord
from services.training.loss_curve import Panel

INTERRUPTED = "interrupted"  # no state of a run: a process that was killed writes none


@dataclass(frozen=True, slots=True)
class RunSummary:
    """`version` is the number of what came of it and `verdict` what a gate said of that last; None before.

    `loss` is that of the stage `loss_of`.
    """

    id: int
    state: str
    training_set_id: int
    rows: int
    stages: tuple[Objective, ...]
    step: int
    total_steps: int
    loss: float | None
    loss_of: Objective
    started_at: datetime
    finished_at: datetime | None
    version: int | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class StageView:
    """One planned stage; `result` is what it ended with, empty before that."""

    number: int
    objective: Objective
    points: Sequence[TrainingPointRow]
    scores: Sequence[CheckpointScoreRow]
    result: Mapping[str, Any]

    @property
    def loss(self) -> float | None:
        """What it ended with, or told last; None before it told any, and where it was no number."""
        if self.result:
            return cast("float | None", self.result["final_loss"])
        return self.points[-1].loss if self.points else None

    def panel(self, stages: int) -> Panel:
        rows = f" on {self.result['rows']:,} rows" if self.result else ""
        return Panel(
            name=f"Stage {self.number} of {stages}: {self.objective.upper()}{rows}",
            learnt=[(point.step, point.loss) for point in self.points],
            kept_out=[(score.step, score.loss) for score in self.scores],
        )


@dataclass(frozen=True, slots=True)
class RunView:
    """`goes_on_from` is the version whose adapter it began with, None for a fresh one on the plain base.

    `concessions` are those of every stage so far; `memory` holds bytes by part, empty when unknown.
    """

    summary: RunSummary
    persona: str
    persona_name: str
    goes_on_from: int | None
    error: str
    reasons: tuple[str, ...]
    recipe: Mapping[str, Any]
    memory: Mapping[str, int]
    concessions: tuple[str, ...]
    stages: tuple[StageView, ...]

    @property
    def newest(self) -> TrainingPointRow | None:
        """The last report."""
        return max(
            (point for stage in self.stages for point in stage.points), key=lambda one: one.step, default=None
        )

    @property
    def stage_now(self) -> StageView:
        """The one under way, or the last."""
        ended = sum(bool(stage.result) for stage in self.stages)
        return self.stages[min(ended, len(self.stages) - 1)]

    @property
    def panels(self) -> list[Panel]:
        """Of the stages that began; of the first, when none did."""
        begun = [stage for stage in self.stages if stage.points or stage.scores]
        return [stage.panel(len(self.stages)) for stage in begun or self.stages[:1]]


def runs_of(session: Session, persona: PersonaRow, *, limit: int) -> list[RunSummary]:
    """The persona's newest runs, newest first."""
    held = held_runs(session)
    rows = session.execute(
        _runs().where(TrainingSetRow.persona_id == persona.id).order_by(TrainingRunRow.id.desc()).limit(limit)
    )
    return [_summary(*row, held) for row in rows]


def run_page(session: Session, run_id: int) -> RunView:
    """Everything there is to see of a run; UnknownRecord."""
    found = session.execute(
        _runs()
        .where(TrainingRunRow.id == run_id)
        .options(joinedload(TrainingRunRow.training_set, TrainingSetRow.persona))
    ).one_or_none()
    if found is None:
        raise UnknownRecord("training run", run_id)
    run, version, verdict, reported = found
    stages = _stages(session, run)
    ended = [one for stage in stages for one in stage.result.get("concessions", ())]
    return RunView(
        summary=_summary(run, version, verdict, reported, held_runs(session)),
        persona=run.training_set.persona.slug,
        persona_name=run.training_set.persona.display_name,
        goes_on_from=_goes_on_from(session, run),
        error=run.error or "",
        reasons=tuple(run.training_set.plan["reasons"]),
        recipe=portable_recipe(run.recipe),
        memory=run.memory.get("parts", {}),
        concessions=(*ended, *run.concessions),
        stages=stages,
    )


def held_runs(session: Session) -> frozenset[int]:
    """Ids of the runs that a process works on now: the lock that `holding` takes ends with the process."""
    return held_in(session, Space.RUNS)


def state_of(run: TrainingRunRow, held: frozenset[int]) -> str:
    """A run's state; one that was marked running and that no process holds any more is interrupted."""
    return INTERRUPTED if run.state == RunState.RUNNING and run.id not in held else run.state


def _runs() -> Select[TrainingRunRow, int, str | None, int | None]:
    """Runs with their sets, the number of the version that came of each, what a gate said of it last, and the
    stage that reported last.
    """
    newest = newest_decision_on(AdapterVersionRow.id)
    verdict = newest.with_only_columns(GateDecisionRow.verdict).scalar_subquery()
    reported = (
        select(func.max(TrainingPointRow.stage))
        .where(TrainingPointRow.training_run_id == TrainingRunRow.id)
        .scalar_subquery()
    )
    return (
        select(TrainingRunRow, AdapterVersionRow.number, verdict, reported)
        .join(TrainingRunRow.training_set)
        .outerjoin(AdapterVersionRow, AdapterVersionRow.training_run_id == TrainingRunRow.id)
        .options(contains_eager(TrainingRunRow.training_set))
    )


def _summary(
    run: TrainingRunRow, version: int | None, verdict: str | None, reported: int | None, held: frozenset[int]
) -> RunSummary:
    stages = tuple(Objective(stage) for stage in run.training_set.plan["stages"])
    return RunSummary(
        id=run.id,
        state=state_of(run, held),
        training_set_id=run.training_set_id,
        rows=run.training_set.row_count,
        stages=stages,
        step=run.step,
        total_steps=run.total_steps,
        loss=run.loss,
        loss_of=stages[(reported or 1) - 1],
        started_at=run.started_at,
        finished_at=run.finished_at,
        version=version,
        verdict=verdict,
    )


def portable_recipe(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored recipe, its base without the folders of this machine."""
    model = recipe.get("model")  # none in runs of the first release
    return {**recipe, "model": {**model, "name": portable(model["name"])}} if model else recipe


def _goes_on_from(session: Session, run: TrainingRunRow) -> int | None:
    return session.scalar(
        select(AdapterVersionRow.number).where(
            AdapterVersionRow.persona_id == run.training_set.persona_id,
            AdapterVersionRow.digest == run.starting_digest,
        )
    )


def _stages(session: Session, run: TrainingRunRow) -> tuple[StageView, ...]:
    points = session.scalars(
        select(TrainingPointRow)
        .where(TrainingPointRow.training_run_id == run.id)
        .order_by(TrainingPointRow.step)
    ).all()
    scores = session.scalars(
        select(CheckpointScoreRow)
        .where(CheckpointScoreRow.training_run_id == run.id)
        .order_by(CheckpointScoreRow.step)
    ).all()
    return tuple(
        StageView(
            number=number,
            objective=Objective(objective),
            points=[point for point in points if point.stage == number],
            scores=[score for score in scores if score.stage == number],
            result=run.stages[number - 1] if number <= len(run.stages) else {},
        )
        for number, objective in enumerate(run.training_set.plan["stages"], start=1)
    )
