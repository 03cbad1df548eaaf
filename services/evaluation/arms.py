"""What the other arms' reports say of a decision's candidate: read from stored reports, noted beside it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow, TrainingRunRow
from services.domain.arms import (
    ONCE_MORE,
    THREE_EXAMPLES,
    is_judge,
    is_judge_of,
    judge_note,
    note_of,
    without_examples_note,
)
from services.domain.checks import Asked, Check, Comparison, compare
from services.domain.evaluation import JUDGED_BETTER, OVERALL
from services.domain.evidence import Evidence
from services.errors.tree import Refused
from services.evaluation.decisions import policy_decided_by
from services.evaluation.evidence import evidence_of, suite_of
from services.evaluation.suites import suite_items
from services.evaluation.wording import title_of


@dataclass(frozen=True, slots=True)
class ArmNote:
    """`check`: whether the candidate is better on the target, over the items that the decision rests on."""

    arm: str
    report_id: int
    check: Check
    sentence: str


Noting = Callable[[Session, GateDecisionRow], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class KeptSentences:
    """`sentences_on`, each said once: what they are made of never changes, and it takes a while to read.

    They name metrics and figures, no text of anybody. Reports that came in since are heard anew.
    """

    _said: dict[tuple[int, ...], tuple[str, ...]] = field(default_factory=dict)

    def on(self, session: Session, decision: GateDecisionRow) -> tuple[str, ...]:
        if decision.redacted_at is not None:
            return ()
        heard = (decision.id, *(report.id for report in _others(session, decision)))
        if heard not in self._said:
            self._said[heard] = sentences_on(session, decision)
        return self._said[heard]


def notes_on(session: Session, decision: GateDecisionRow) -> tuple[ArmNote, ...]:
    """A note of each other arm that was asked beside the candidate; sealed items that the gate left alone
    stay so. Of a redacted decision nothing can be noted any more.
    """
    if decision.redacted_at is not None:
        return ()
    candidate, reports = decision.candidate_report, _others(session, decision)
    if not reports:
        return ()
    policy = policy_decided_by(decision.policy)
    better = Comparison(Asked.BETTER, policy.improves, OVERALL, 0.0, policy.alpha, minimum_items=1)
    items = suite_items(session, candidate.suite_digest)
    suite, judged = suite_of(items), evidence_of(candidate, items)
    used = np.isin(suite.keys, decision.used)
    notes = []
    for report in reports:
        theirs = evidence_of(report, items)
        if is_judge(report.arm):
            judging = replace(better, metric=JUDGED_BETTER.name)
            check = compare(judging, suite, used, theirs, _turned(theirs))
            sentence = judge_note(report.arm, check, seconds=report.seconds)
        else:
            check = compare(better, suite, used, judged, theirs)
            told = replace(check, metric=title_of(check.metric))
            sentence = note_of(report.arm, told, seconds=report.seconds)
        notes.append(ArmNote(report.arm, report.id, check, sentence))
    return tuple(notes)


def sentences_on(session: Session, decision: GateDecisionRow) -> tuple[str, ...]:
    """What `notes_on` says, and that it lacks the three examples where it does; why nothing, where what it
    needs is gone or of another release.
    """
    if decision.redacted_at is not None:
        return ()
    try:
        notes = notes_on(session, decision)
    except Refused as problem:
        return (f"Other arms cannot be compared with it. {problem}",)
    told = tuple(note.sentence for note in notes)
    if any(note.arm == THREE_EXAMPLES for note in notes):
        return told
    run_id = decision.candidate_report.version.training_run_id
    run = session.get(TrainingRunRow, run_id) if run_id else None
    shown = run.training_set.counts.get("demonstrations", 0) if run else 0
    return (*told, without_examples_note(demonstrations=shown))


def _turned(judged: Evidence) -> Evidence:
    """The same judgements seen from the champion's side."""
    return replace(
        judged,
        scores={name: replace(scores, values=1 - scores.values) for name, scores in judged.scores.items()},
    )


def _others(session: Session, decision: GateDecisionRow) -> list[EvaluationReportRow]:
    champion = decision.champion_report.version.number
    return [
        report
        for report in _beside(session, decision.candidate_report)
        if not is_judge(report.arm) or is_judge_of(report.arm, champion=champion)
    ]


def _beside(session: Session, candidate: EvaluationReportRow) -> list[EvaluationReportRow]:
    """The reports of other arms under the candidate's own conditions, in the order of their names."""
    return list(
        session.scalars(
            select(EvaluationReportRow)
            .where(
                EvaluationReportRow.adapter_version_id == candidate.adapter_version_id,
                EvaluationReportRow.suite_digest == candidate.suite_digest,
                EvaluationReportRow.prompt_version == candidate.prompt_version,
                EvaluationReportRow.settings_digest == candidate.settings_digest,
                EvaluationReportRow.arm.not_in(("", ONCE_MORE)),
            )
            .order_by(EvaluationReportRow.arm)
        )
    )
