"""Approvals in PostgreSQL: somebody's word that the candidate of a decision may serve."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.canary_tables import ApprovalRow
from services.db.lineage_tables import GateDecisionRow
from services.errors.lookups import UnknownRecord
from services.errors.refusals import NotApproved, NotToBeApproved


def approve(session: Session, *, decision_id: int, actor: str, reason: str, at: datetime) -> ApprovalRow:
    """The approval of a decision: the first one that was given stays.

    Raises UnknownRecord, and NotToBeApproved for a FAIL, which nobody's word lets serve.
    """
    decision = session.get(GateDecisionRow, decision_id)
    if decision is None:
        raise UnknownRecord("gate decision", decision_id)
    if decision.verdict == "FAIL":
        raise NotToBeApproved(decision_id, decision.verdict)
    session.execute(
        insert(ApprovalRow)
        .values(decision_id=decision_id, actor=actor, reason=reason, at=at)
        .on_conflict_do_nothing(index_elements=["decision_id"])
    )
    return session.scalars(_of(decision_id)).one()


def approval_of(session: Session, decision_id: int) -> ApprovalRow | None:
    return session.scalar(_of(decision_id))


def refuse_unapproved(session: Session, decision: GateDecisionRow) -> None:
    """NotApproved where the decision's policy asks for an approval that nobody has given."""
    if decision.policy.get("approval") and approval_of(session, decision.id) is None:
        raise NotApproved(decision.id)


def _of(decision_id: int) -> Select[ApprovalRow]:
    return select(ApprovalRow).where(ApprovalRow.decision_id == decision_id)
