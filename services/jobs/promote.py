"""Promoting: the candidate of a passed decision serves from the commit of one row on."""

import logging
from typing import TypedDict

from services.adapters import promotions
from services.db.session import session_scope
from services.jobs.installation import now, open_installation

logger = logging.getLogger(__name__)


class Moved(TypedDict):
    """The ledger row that was written, and the version that serves since."""

    promotion_id: int
    version: int
    kind: str


def promote(decision_id: int, actor: str) -> Moved:
    """Raises NotPassed unless the decision is PASS; the same decision again changes nothing."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = promotions.promote(session, decision_id=decision_id, actor=actor, at=now())
        logger.info("%s: version %d serves", row.version.persona.slug, row.version.number)
        return {"promotion_id": row.id, "version": row.version.number, "kind": row.kind}
