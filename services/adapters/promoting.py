"""Letting the candidate of a decision serve: everyone, or some conversations first.

Moves back are `promotions`'. All of it is checked under the persona's lock, and by the database again.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.approvals import refuse_unapproved
from services.adapters.canaries import cooling_down, own_policy, policy_of, was_taken_back
from services.adapters.promotions import (
    anchor_of,
    append,
    check_usable,
    history,
    incumbent,
    lock_persona,
    who_serves,
)
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, PromotionRow
from services.domain.gate import GATE_VERSION
from services.domain.promotions import PromotionKind, open_canary, served
from services.errors.lookups import UnknownRecord
from services.errors.refusals import (
    AnchorChanged,
    CanaryCoolingDown,
    CanaryEnded,
    CanaryOpen,
    DecisionOutdated,
    GateChanged,
    NotPassed,
    NotToBeTried,
    Redacted,
    VersionServedBefore,
    VersionUnsound,
)


def decision_by_id(session: Session, decision_id: int) -> GateDecisionRow:
    """Raises UnknownRecord."""
    decision = session.get(GateDecisionRow, decision_id)
    if decision is None:
        raise UnknownRecord("gate decision", decision_id)
    return decision


def promote(session: Session, *, decision_id: int, actor: str, at: datetime) -> PromotionRow:
    """Let the candidate of a passed decision serve; the same decision again returns the row that is there.

    Where the persona has a policy for canaries, some conversations go to it first, unless a tainted version
    serves the others. Raises NotPassed for any verdict but PASS, CanaryEnded where the decision's canary was
    rolled back by its ratings, and what `_check` and `start_canary` raise.
    """
    decision = decision_by_id(session, decision_id)
    if decision.verdict != "PASS":
        raise NotPassed(decision_id, decision.verdict)
    version = decision.candidate_report.version
    persona = lock_persona(session, version.persona.slug)
    existing = _row_of(session, decision, PromotionKind.FULL)
    if existing is not None:
        return existing
    reason = f"decision {decision_id} is PASS"
    if canary_comes_first(session, persona):
        return start_canary(session, decision_id=decision_id, share=None, actor=actor, reason=reason, at=at)
    _check(session, decision, at=at)
    had = _row_of(session, decision, PromotionKind.CANARY)
    if had is not None and was_taken_back(session, had.id):
        raise CanaryEnded(decision_id, persona.slug)
    return append(
        session,
        version=version,
        kind=PromotionKind.FULL,
        decision_id=decision_id,
        actor=actor,
        reason=reason,
        at=at,
    )


def start_canary(
    session: Session, *, decision_id: int, share: float | None, actor: str, reason: str, at: datetime
) -> PromotionRow:
    """Let the candidate of a decision answer this share of the conversations, as long as its canary is open;
    the share of the persona's policy if None.

    A decision has one canary: while that is open, the same again returns its row. Raises NotToBeTried for
    a FAIL, CanaryEnded, and what `_check` raises.
    """
    decision = decision_by_id(session, decision_id)
    if decision.verdict == "FAIL":
        raise NotToBeTried(decision_id, decision.verdict)
    version = decision.candidate_report.version
    persona = lock_persona(session, version.persona.slug)
    had = _row_of(session, decision, PromotionKind.CANARY)
    if had is not None and had.id == _newest_id(session, had.persona_id):
        return had
    _check(session, decision, at=at, canary=True)
    if had is not None:
        raise CanaryEnded(decision_id, persona.slug)
    return append(
        session,
        version=version,
        kind=PromotionKind.CANARY,
        share=policy_of(persona).share if share is None else share,
        decision_id=decision_id,
        actor=actor,
        reason=reason,
        at=at,
    )


def promote_canary(
    session: Session, canary: PromotionRow, *, actor: str, reason: str, at: datetime
) -> PromotionRow:
    """Let an open canary serve everyone, on its decision, as its ratings said. The caller holds the lock.

    What was checked when it began holds as long as it is open: another champion would have ended it.
    """
    return append(
        session,
        version=canary.version,
        kind=PromotionKind.FULL,
        decision_id=canary.decision_id,
        actor=actor,
        reason=reason,
        at=at,
    )


def _row_of(session: Session, decision: GateDecisionRow, kind: PromotionKind) -> PromotionRow | None:
    return session.scalar(
        select(PromotionRow).where(PromotionRow.decision_id == decision.id, PromotionRow.kind == kind)
    )


def _newest_id(session: Session, persona_id: int) -> int | None:
    return session.scalar(
        select(PromotionRow.id)
        .where(PromotionRow.persona_id == persona_id)
        .order_by(PromotionRow.id.desc())
        .limit(1)
    )


def canary_comes_first(session: Session, persona: PersonaRow) -> bool:
    """Whether what passed goes to a canary before it serves everyone."""
    serving = who_serves(session, persona).version_id
    return own_policy(persona) is not None and incumbent(session, persona).id == serving


def _check(session: Session, decision: GateDecisionRow, *, at: datetime, canary: bool = False) -> None:
    """Whether a decided candidate may begin to serve at this instant; the caller holds the persona's lock.

    Raises what `refuse_unfit` raises, and NotApproved.
    """
    refuse_unfit(session, decision, at=at, canary=canary)
    refuse_unapproved(session, decision)


def refuse_unfit(session: Session, decision: GateDecisionRow, *, at: datetime, canary: bool) -> None:
    """Whatever stands in the way of a decided candidate at this instant, but for a missing approval.

    Raises GateChanged, DecisionOutdated when another champion serves by now, AnchorChanged, VersionUnsound,
    VersionTainted, VersionRemoved, Redacted, VersionServedBefore, CanaryOpen, CanaryCoolingDown.
    """
    version = decision.candidate_report.version
    persona = version.persona
    session.refresh(version)  # whoever held the lock may have marked it
    session.refresh(decision)
    _refuse_outdated(session, decision, version)
    if version.unsound_at is not None:
        raise VersionUnsound(persona.slug, version.number, version.unsound_reason or "")
    check_usable(version)
    past = history(session, persona)
    if version.number in served(past):
        raise VersionServedBefore(persona.slug, version.number)
    tried = open_canary(past)
    if tried is not None and (canary or tried.version != version.number):
        raise CanaryOpen(persona.slug, tried.version)
    cooling = cooling_down(session, persona, at=at)
    if cooling is not None and (canary or cooling.version == version.number):
        raise CanaryCoolingDown(persona.slug, cooling.version, cooling.until)


def _refuse_outdated(session: Session, decision: GateDecisionRow, candidate: AdapterVersionRow) -> None:
    """Another gate, another champion or another anchor by now: what was decided says nothing of them."""
    if decision.redacted_at is not None:
        raise Redacted("gate decision", decision.id)
    if decision.gate_version != GATE_VERSION:
        raise GateChanged(decision.id, made_by=decision.gate_version, this=GATE_VERSION)
    champion, serves = decision.champion_report.version, incumbent(session, candidate.persona)
    if serves.id != champion.id:
        raise DecisionOutdated(decision.id, judged_against=champion.number, serves=serves.number)
    anchor, held_against = anchor_of(session, candidate) or champion, decision.anchor_report.version
    if anchor.id != held_against.id:
        raise AnchorChanged(decision.id, held_against=held_against.number, anchor=anchor.number)
