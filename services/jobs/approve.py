"""Approving: somebody's word, with a reason, that what the gate decided on may serve."""

from datetime import datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from services.adapters import approvals
from services.db.session import session_scope
from services.domain.single_line import check_line
from services.jobs.installation import now, open_installation

REASON_LIMIT = 500  # characters


class Approved(TypedDict):
    """The approval that stands: the first of a decision."""

    approval_id: int
    decision_id: int
    actor: str
    reason: str
    at: str


def approve(decision_id: int, reason: str, actor: str) -> Approved:
    """Raises UnknownRecord, NotToBeApproved for a FAIL, and what `check_line` raises for the reason."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return approve_in(session, decision_id, reason, actor, at=now())


def approve_in(session: Session, decision_id: int, reason: str, actor: str, *, at: datetime) -> Approved:
    """As `approve`, in a given session."""
    row = approvals.approve(
        session,
        decision_id=decision_id,
        actor=actor,
        reason=check_line("reason", reason, limit=REASON_LIMIT),
        at=at,
    )
    return {
        "approval_id": row.id,
        "decision_id": decision_id,
        "actor": row.actor,
        "reason": row.reason,
        "at": row.at.isoformat(),
    }
