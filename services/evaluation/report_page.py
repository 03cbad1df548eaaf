"""A decision as one page tells it: the verdict in a sentence, checks, slices, answers side by side, people.

Composed of what is stored; the app and the file show the same values through one template. Texts are people's
and models': whoever shows them escapes them.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from services.adapters.approvals import approval_of
from services.adapters.promotions import champion_at
from services.db.canary_tables import ApprovalRow
from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow, PromotionRow, TrainingRunRow
from services.domain.checks import Verdict
from services.domain.evaluation import OVERALL
from services.errors.lookups import UnknownRecord
from services.errors.tree import Refused
from services.evaluation.arms import Noting, sentences_on
from services.evaluation.check_lines import CheckLine, target_of
from services.evaluation.conclusions import meaning, moves_by, next_step, waits_for_approval
from services.evaluation.judging import Contest, People, what_people_prefer
from services.evaluation.side_by_side import Change, most_changed
from services.evaluation.suites import suite_items
from services.evaluation.wording import slice_in_words, title_of


@dataclass(frozen=True, slots=True)
class SliceLine:
    """The target's means on one part of the suite, sealed items among them; None for no finite number."""

    name: str
    items: int
    candidate: float | None
    champion: float | None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a decision was made of; no set and no run for a version that was not trained here."""

    training_set: int | None
    run: int | None
    suite: str
    reports: tuple[int, ...]
    evidence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a decision: `moves` are the ledger's rows that it led to. `waits`: its policy asks for
    an approval, and there is none; `next_step` is what can be done, once there is.
    """

    moves: tuple[PromotionRow, ...]
    approval: ApprovalRow | None
    waits: bool
    next_step: str


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """`champion_served`: the version beside the candidate answered people when this was decided. `anchor` is
    None where that version is the anchor, too. `notes` say how other arms did on these items.
    """

    id: int
    verdict: Verdict
    meaning: str
    persona: str
    persona_name: str
    made_at: datetime
    gate_version: int
    candidate: int
    champion: int
    champion_served: bool
    anchor: int | None
    items: int
    opened: bool
    target: str
    checks: tuple[CheckLine, ...]
    notes: tuple[str, ...]
    slices: tuple[SliceLine, ...]
    people: People | None
    origin: Origin
    standing: Standing


@dataclass(frozen=True, slots=True)
class ChangedAnswers:
    """Texts of people and models; `missing` says why there are none."""

    improved: tuple[Change, ...]
    worsened: tuple[Change, ...]
    missing: str


def decision_page(
    session: Session, decision_id: int, *, at: datetime, notes: Noting = sentences_on
) -> DecisionPage:
    """All but the answers themselves, as things stand at this instant. Raises UnknownRecord."""
    decision = _decision(session, decision_id)
    candidate, champion = decision.candidate_report, decision.champion_report
    anchor, persona = decision.anchor_report, candidate.version.persona
    checks = tuple(CheckLine.of_record(check) for check in decision.checks)
    return DecisionPage(
        id=decision.id,
        verdict=Verdict(decision.verdict),
        meaning=meaning(decision),
        persona=persona.slug,
        persona_name=persona.display_name,
        made_at=decision.created_at,
        gate_version=decision.gate_version,
        candidate=candidate.version.number,
        champion=champion.version.number,
        champion_served=champion_at(session, persona, decision.created_at).id == champion.version.id,
        anchor=anchor.version.number if anchor.id != champion.id else None,
        items=len(decision.used),
        opened=decision.opened,
        target=title_of(target_of(checks)),
        checks=checks,
        notes=notes(session, decision),
        slices=_slices(candidate, champion, target_of(checks)),
        people=what_people_prefer(session, Contest(candidate, champion)),
        origin=_origin(session, decision),
        standing=_standing(session, decision, at),
    )


def changed_answers(session: Session, decision_id: int) -> ChangedAnswers:
    """Nothing but a sentence where texts were erased, or where the reports are of another release.

    Raises UnknownRecord.
    """
    decision = _decision(session, decision_id)
    candidate, champion = decision.candidate_report, decision.champion_report
    target = target_of(CheckLine.of_record(check) for check in decision.checks)
    try:
        items = suite_items(session, candidate.suite_digest)
        improved, worsened = most_changed(candidate, champion, items, target=target)
    except Refused as problem:
        return ChangedAnswers((), (), f"Single answers cannot be shown. {problem}")
    return ChangedAnswers(improved, worsened, "")


def checks_of(session: Session, decision_id: int) -> tuple[CheckLine, ...]:
    """All that its drawing needs. Raises UnknownRecord."""
    return tuple(CheckLine.of_record(check) for check in _decision(session, decision_id).checks)


def _decision(session: Session, decision_id: int) -> GateDecisionRow:
    decision = session.get(GateDecisionRow, decision_id)
    if decision is None:
        raise UnknownRecord("gate decision", decision_id)
    return decision


def _slices(
    candidate: EvaluationReportRow, champion: EvaluationReportRow, target: str
) -> tuple[SliceLine, ...]:
    ours, theirs = (
        {one["slice"]: one for one in report.metrics if one["name"] == target and one["slice"] != OVERALL}
        for report in (candidate, champion)
    )
    return tuple(
        SliceLine(slice_in_words(name), one["items"], one["value"], theirs[name]["value"])
        for name, one in ours.items()
        if name in theirs
    )


def _origin(session: Session, decision: GateDecisionRow) -> Origin:
    candidate = decision.candidate_report
    run = session.get(TrainingRunRow, candidate.version.training_run_id or 0)
    reports = (candidate.id, decision.champion_report_id, decision.anchor_report_id)
    return Origin(
        training_set=run.training_set_id if run else None,
        run=run.id if run else None,
        suite=candidate.suite_digest,
        reports=tuple(dict.fromkeys(reports)),
        evidence=decision.evidence_digest or "",
    )


def _standing(session: Session, decision: GateDecisionRow, at: datetime) -> Standing:
    return Standing(
        moves=moves_by(session, decision),
        approval=approval_of(session, decision.id),
        waits=waits_for_approval(session, decision),
        next_step=next_step(session, decision, at=at),
    )
