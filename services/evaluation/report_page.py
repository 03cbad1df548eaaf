"""A decision as one page tells it: the verdict in a sentence, checks, slices, answers side by side, people.

Composed of what is stored; the app and the file show the same values through one template. Texts are people's
and models': whoever shows them escapes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.approvals import approval_of
from services.db.canary_tables import ApprovalRow
from services.db.lineage_tables import (
    EvaluationReportRow,
    GateDecisionRow,
    PromotionRow,
    TrainingRunRow,
)
from services.domain.checks import Verdict
from services.domain.evaluation import OVERALL
from services.domain.outlook import Outlook
from services.errors.lookups import UnknownRecord
from services.errors.tree import Refused
from services.evaluation.arms import sentences_on
from services.evaluation.check_lines import CheckLine, target_of
from services.evaluation.judging import Contest, People, what_people_prefer
from services.evaluation.side_by_side import Change, most_changed
from services.evaluation.suites import suite_items
from services.evaluation.wording import slice_in_words, title_of, version_in_words


@dataclass(frozen=True, slots=True)
class SliceLine:
    """The target's means on one part of the suite, sealed items among them; None for no finite number."""

    name: str
    items: int
    candidate: float | None
    champion: float | None


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """`anchor` is None where the champion is the anchor, too. `notes` say how other arms did on these items,
    `missing` why there are no `improved` and `worsened` answers; `moves` are the ledger's rows that the
    decision led to. `waits`: its policy asks for an approval, and there is none.
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
    anchor: int | None
    items: int
    opened: bool
    target: str
    checks: tuple[CheckLine, ...]
    notes: tuple[str, ...]
    slices: tuple[SliceLine, ...]
    improved: tuple[Change, ...]
    worsened: tuple[Change, ...]
    missing: str
    people: People | None
    training_set: int | None
    run: int | None
    suite: str
    reports: tuple[int, ...]
    evidence: str
    moves: tuple[PromotionRow, ...]
    approval: ApprovalRow | None
    waits: bool


def decision_page(session: Session, decision_id: int) -> DecisionPage:
    """Raises UnknownRecord."""
    decision = _decision(session, decision_id)
    candidate, champion, anchor = (
        decision.candidate_report,
        decision.champion_report,
        decision.anchor_report,
    )
    version = candidate.version
    checks = tuple(CheckLine.of_record(check) for check in decision.checks)
    approval = approval_of(session, decision.id)
    improved, worsened, missing = _changes(session, candidate, champion, target_of(checks))
    run = session.get(TrainingRunRow, version.training_run_id or 0)
    return DecisionPage(
        id=decision.id,
        verdict=Verdict(decision.verdict),
        meaning=_meaning(decision, checks),
        persona=version.persona.slug,
        persona_name=version.persona.display_name,
        made_at=decision.created_at,
        gate_version=decision.gate_version,
        candidate=version.number,
        champion=champion.version.number,
        anchor=anchor.version.number if anchor.id != champion.id else None,
        items=len(decision.used),
        opened=decision.opened,
        target=title_of(target_of(checks)),
        checks=checks,
        notes=sentences_on(session, decision),
        slices=_slices(candidate, champion, target_of(checks)),
        improved=improved,
        worsened=worsened,
        missing=missing,
        people=what_people_prefer(session, Contest(candidate, champion)),
        training_set=run.training_set_id if run else None,
        run=run.id if run else None,
        suite=candidate.suite_digest,
        reports=tuple(dict.fromkeys((candidate.id, champion.id, anchor.id))),
        evidence=decision.evidence_digest or "",
        moves=tuple(
            session.scalars(
                select(PromotionRow).where(PromotionRow.decision_id == decision.id).order_by(PromotionRow.id)
            )
        ),
        approval=approval,
        waits=bool(decision.policy.get("approval")) and decision.verdict != Verdict.FAIL and approval is None,
    )


def checks_of(session: Session, decision_id: int) -> tuple[CheckLine, ...]:
    """All that its drawing needs. Raises UnknownRecord."""
    return tuple(CheckLine.of_record(check) for check in _decision(session, decision_id).checks)


def _decision(session: Session, decision_id: int) -> GateDecisionRow:
    decision = session.get(GateDecisionRow, decision_id)
    if decision is None:
        raise UnknownRecord("gate decision", decision_id)
    return decision


def _meaning(decision: GateDecisionRow, checks: Sequence[CheckLine]) -> str:
    """What follows from the verdict, in a sentence."""
    verdict = Verdict(decision.verdict)
    ours = f"v{decision.candidate_report.version.number}"
    theirs = version_in_words(decision.champion_report.version.number)
    stopped = [check for check in checks if check.verdict is verdict]
    named = ", ".join(dict.fromkeys(check.title for check in stopped))
    match verdict:
        case Verdict.PASS:
            target = title_of(target_of(checks))
            if not target:
                return f"{ours} passed every check: it may serve people."
            return (
                f"{ours} was shown to be better than {theirs} on its target, {target}, and no worse anywhere "
                "else than is allowed: it may serve people."
            )
        case Verdict.FAIL:
            return f"{ours} may not take the place of {theirs}: what was measured says no ({named})."
        case Verdict.INSUFFICIENT:
            return (
                f"Too little is known for {ours} to take the place of {theirs}: nothing failed, but some "
                f"checks cannot tell ({named}).{_wait(decision)}"
            )


def _wait(decision: GateDecisionRow) -> str:
    """How many items are needed and when they will be there; nothing where more items would not tell."""
    if not decision.outlook:
        return ""
    wait = Outlook(**decision.outlook)
    told = str(replace(wait, metric=title_of(wait.metric)))
    return f" {told[0].upper()}{told[1:]}"


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


def _changes(
    session: Session, candidate: EvaluationReportRow, champion: EvaluationReportRow, target: str
) -> tuple[tuple[Change, ...], tuple[Change, ...], str]:
    """Nothing but a sentence where texts were erased, or where the reports are of another release."""
    try:
        items = suite_items(session, candidate.suite_digest)
        improved, worsened = most_changed(candidate, champion, items, target=target)
    except Refused as problem:
        return (), (), f"Single answers cannot be shown. {problem}"
    return improved, worsened, ""
