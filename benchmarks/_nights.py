"""Personas that learn from published data: each imports, assembles, trains, is judged, promoted if it passes.

Every step is the job that the scheduler calls. What an earlier run of the benchmark finished is found again
by its key, so one that was stopped goes on where it was.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona, who_serves
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow, TrainingRunRow
from services.db.prompt_tables import PromptSplitRow
from services.db.session import session_scope
from services.domain.checks import Verdict
from services.domain.splits import Split
from services.errors.refusals import PersonaExists
from services.feedback.personas import PersonaPlan, create_persona, differences
from services.jobs import assemble as assembling
from services.jobs import evaluate as evaluating
from services.jobs import gate as gating
from services.jobs import promote as promoting
from services.jobs import train as training
from services.jobs.installation import now
from services.training_sets.importers.records import Read
from services.training_sets.importing import import_records

_AT_ONCE = 2  # trainings, each in a process and on a thread of its own


@dataclass(frozen=True, slots=True)
class Learner:
    """A persona and what it learns from: records by the name of their source.

    `splits` has a side for each prompt by its split key; where it is empty they are drawn as ever.
    """

    plan: PersonaPlan
    records: Mapping[str, Sequence[Read]]
    splits: Mapping[str, Split]

    @property
    def slug(self) -> str:
        return self.plan.persona.slug


@dataclass(frozen=True, slots=True)
class Judged:
    """One night as the database tells of it.

    `items` and `before` are those of the candidate's report and of whom it was compared with; so are
    `metrics` and `metrics_before`, by name and slice.
    """

    training_set: Mapping[str, Any]
    seconds: float
    verdict: Verdict
    serves: int
    metrics: Mapping[str, float | None]
    metrics_before: Mapping[str, float | None]
    items: Sequence[Mapping[str, Any]]
    before: Sequence[Mapping[str, Any]]
    stages: Sequence[Mapping[str, Any]]


def nights(engine: Engine, learners: Sequence[Learner]) -> Iterator[tuple[str, Judged | str]]:
    """Each learner's slug with its night, or with why it had none, in the order in which they end.

    An inference server of this installation answers.
    """
    for learner in learners:
        begin(engine, learner)
    yield from learn_each(engine, {learner.slug: cutoff_of(engine, learner.slug) for learner in learners})


def learn_each(engine: Engine, cutoffs: Mapping[str, str]) -> Iterator[tuple[str, Judged | str]]:
    """As `nights`, for personas that are there: what each learns up to its cutoff."""
    with ProcessPoolExecutor(_AT_ONCE, mp_context=get_context("spawn")) as pool:
        under_way = {pool.submit(learn, slug, cutoff): slug for slug, cutoff in cutoffs.items()}
        for future in as_completed(under_way):
            learnt = future.result()
            yield under_way[future], learnt if isinstance(learnt, str) else judge(engine, learnt)


def begin(engine: Engine, learner: Learner) -> None:
    """Create the persona with all that it learns from; one that is there must be as planned."""
    with session_scope(engine) as session:
        known = session.scalar(select(PersonaRow).where(PersonaRow.slug == learner.slug))
        if known is not None:
            if found := differences(known, learner.plan):
                raise PersonaExists(learner.slug, found)
            return
        at = now()
        persona = create_persona(session, learner.plan, at=at)
        for key, split in learner.splits.items():
            session.add(PromptSplitRow(persona_id=persona.id, split_key=key, split=split, assigned_at=at))
        session.flush()  # before the import draws any
        for source, reads in learner.records.items():
            import_records(session, persona, reads, source=source, at=at)


def cutoff_of(engine: Engine, slug: str) -> str:
    """Everything came in when the persona was made."""
    with session_scope(engine) as session:
        return find_persona(session, slug).created_at.isoformat()


def learn(slug: str, cutoff: str) -> int | str:
    """The id of the version trained on what came in up to the cutoff, or why none was."""
    assembled = assembling.assemble(slug, cutoff)
    if "training_set_id" not in assembled:
        return assembled["skipped"]
    return training.train(assembled["training_set_id"])


def judge(engine: Engine, version_id: int, *, promotes: bool = True) -> Judged:
    """Put a version to the gate and promote it if it passes; what was decided of it before holds."""
    decision_id = _decision_on(engine, version_id)
    if decision_id is None:
        reports = evaluating.evaluate(version_id)
        decision_id = gating.gate(reports["candidate"], reports["champion"])["decision_id"]
    with session_scope(engine) as session:
        passed = session.get_one(GateDecisionRow, decision_id).verdict == Verdict.PASS
    if passed and promotes:
        promoting.promote(decision_id, "benchmark")
    with session_scope(engine) as session:
        return _read(session, session.get_one(GateDecisionRow, decision_id))


def _decision_on(engine: Engine, version_id: int) -> int | None:
    with session_scope(engine) as session:
        return session.scalar(
            select(GateDecisionRow.id)
            .join(EvaluationReportRow, GateDecisionRow.candidate_report_id == EvaluationReportRow.id)
            .where(EvaluationReportRow.adapter_version_id == version_id)
            .order_by(GateDecisionRow.id)
            .limit(1)
        )


def _read(session: Session, decision: GateDecisionRow) -> Judged:
    report = decision.candidate_report
    run = session.get_one(TrainingRunRow, report.version.training_run_id)
    frozen = run.training_set
    ended = run.finished_at or run.started_at
    return Judged(
        training_set={
            "path": frozen.path,
            "digest": frozen.digest,
            "rows": frozen.row_count,
            "counts": frozen.counts,
            "dropped": frozen.dropped,
            "plan": frozen.plan,
            "report": frozen.report,
        },
        seconds=(ended - run.started_at).total_seconds(),
        verdict=Verdict(decision.verdict),
        serves=who_serves(session, frozen.persona).number,
        metrics=_by_name(report),
        metrics_before=_by_name(decision.champion_report),
        items=report.items,
        before=decision.champion_report.items,
        stages=report.version.provenance["stages"],
    )


def _by_name(report: EvaluationReportRow) -> dict[str, float | None]:
    return {f"{one['name']}, {one['slice']}": one["value"] for one in report.metrics}


def sides(keys: Collection[str], held_out: Collection[str]) -> dict[str, Split]:
    """The side of each prompt, by its split key."""
    return {key: Split.HOLDOUT if key in held_out else Split.TRAIN for key in keys}
