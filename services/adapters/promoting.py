"""Letting the candidate of a decision serve. Who serves, and the moves back, are `promotions`'."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import anchor_of, append, check_kept, history, lock_persona, who_serves
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, PromotionRow
from services.domain.gate import GATE_VERSION
from services.domain.promotions import PromotionKind, served
from services.errors.lookups import UnknownRecord
from services.errors.refusals import (
    AnchorChanged,
    DecisionOutdated,
    GateChanged,
    NotPassed,
    VersionServedBefore,
    VersionUnsound,
)


def promote(session: Session, *, decision_id: int, actor: str, at: datetime) -> PromotionRow:
    """Let the candidate of a passed decision serve; the same decision again returns the row that is there.

    Raises NotPassed for any verdict but PASS, DecisionOutdated when another champion serves by now,
    AnchorChanged, GateChanged, VersionUnsound, VersionRemoved, VersionServedBefore, UnknownRecord.
    """
    decision = session.get(GateDecisionRow, decision_id)
    if decision is None:
        raise UnknownRecord("gate decision", decision_id)
    if decision.verdict != "PASS":
        raise NotPassed(decision_id, decision.verdict)
    version = decision.candidate_report.version
    persona = lock_persona(session, version.persona.slug)
    existing = session.scalar(
        select(PromotionRow).where(
            PromotionRow.decision_id == decision_id, PromotionRow.kind == PromotionKind.FULL
        )
    )
    if existing is not None:
        return existing
    _refuse_outdated(session, decision, version)
    session.refresh(version)  # whoever held the lock may have marked it
    if version.unsound_at is not None:
        raise VersionUnsound(persona.slug, version.number, version.unsound_reason or "")
    check_kept(version)
    if version.number in served(history(session, persona)):
        raise VersionServedBefore(persona.slug, version.number)
    return append(
        session,
        version=version,
        kind=PromotionKind.FULL,
        decision_id=decision_id,
        actor=actor,
        reason=f"decision {decision_id} is PASS",
        at=at,
    )


def _refuse_outdated(session: Session, decision: GateDecisionRow, candidate: AdapterVersionRow) -> None:
    """Another gate, another champion or another anchor by now: what was decided says nothing of them."""
    if decision.gate_version != GATE_VERSION:
        raise GateChanged(decision.id, made_by=decision.gate_version, this=GATE_VERSION)
    champion, serves = decision.champion_report.version, who_serves(session, candidate.persona)
    if serves.version_id != champion.id:
        raise DecisionOutdated(decision.id, judged_against=champion.number, serves=serves.number)
    anchor, held_against = anchor_of(session, candidate) or champion, decision.anchor_report.version
    if anchor.id != held_against.id:
        raise AnchorChanged(decision.id, held_against=held_against.number, anchor=anchor.number)
