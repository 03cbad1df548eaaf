"""Promoting: the candidate of a passed decision serves from the commit of one row on."""

import logging
from typing import TypedDict

from sqlalchemy.orm import Session

from services.adapters import promoting, promotions
from services.db.lineage_tables import PromotionRow
from services.db.session import session_scope
from services.jobs.installation import now, open_installation

logger = logging.getLogger(__name__)


class Moved(TypedDict):
    """The ledger row of the move, its version, and which version serves now."""

    promotion_id: int
    version: int
    kind: str
    serves: int


def promote(decision_id: int, actor: str) -> Moved:
    """Raises NotPassed unless the decision is PASS; the same decision again changes nothing."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = promoting.promote(session, decision_id=decision_id, actor=actor, at=now())
        return moved(session, row)


def moved(session: Session, row: PromotionRow) -> Moved:
    """What to tell of a row of the ledger."""
    persona = row.version.persona
    serves = promotions.who_serves(session, persona).number
    logger.info("%s: version %d serves", persona.slug, serves)
    return {"promotion_id": row.id, "version": row.version.number, "kind": row.kind, "serves": serves}
