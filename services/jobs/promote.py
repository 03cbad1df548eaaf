"""Promoting: the candidate of a passed decision serves from the commit of one row on."""

import logging
from typing import TypedDict

from sqlalchemy.orm import Session

from services.adapters import promoting, promotions
from services.db.lineage_tables import PromotionRow
from services.db.session import session_scope
from services.evaluation.conclusions import moves_by
from services.jobs.approve import approve_in
from services.jobs.fingerprints import refuse_changed_serving
from services.jobs.installation import Installation, now, open_installation

logger = logging.getLogger(__name__)


class Moved(TypedDict):
    """The ledger row of the move, its version, and which version serves now: in a canary, the champion.

    `already`: the row was there before, so nothing was done.
    """

    persona: str
    promotion_id: int
    version: int
    kind: str
    share: float | None
    serves: int
    already: bool


def promote(decision_id: int, actor: str, *, approval: str = "") -> Moved:
    """Raises NotPassed unless the decision is PASS; the same decision again changes nothing.

    `approval`: why the actor approves the decision, should it be a PASS; empty leaves that to somebody else.
    Raises what `refuse_changed_serving` raises, too.
    """
    with open_installation() as installation:
        return promote_with(installation, decision_id, actor, approval=approval)


def promote_with(installation: Installation, decision_id: int, actor: str, *, approval: str = "") -> Moved:
    """As `promote`, in a given installation; nothing is held while the inference server is asked."""
    refuse_changed_serving(installation, decision_id)
    with session_scope(installation.engine) as session:
        before = moves_before(session, decision_id)
        if approval:
            approve_in(session, decision_id, approval, actor, at=now())
        row = promoting.promote(session, decision_id=decision_id, actor=actor, at=now())
        return moved(session, row, already=row.id in before)


def moves_before(session: Session, decision_id: int) -> frozenset[int]:
    """The rows of the ledger that a decision led to so far: its persona is locked from here on.

    Raises UnknownRecord.
    """
    decision = promoting.decision_by_id(session, decision_id)
    promotions.lock_persona(session, decision.candidate_report.version.persona.slug)
    return frozenset(row.id for row in moves_by(session, decision))


def moved(session: Session, row: PromotionRow, *, already: bool = False) -> Moved:
    """What to tell of a row of the ledger."""
    persona = row.version.persona
    serves = promotions.who_serves(session, persona).number
    logger.info("%s: version %d serves", persona.slug, serves)
    return {
        "persona": persona.slug,
        "promotion_id": row.id,
        "version": row.version.number,
        "kind": row.kind,
        "share": row.share,
        "serves": serves,
        "already": already,
    }
