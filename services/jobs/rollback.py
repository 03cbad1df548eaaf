"""Rolling back, and reinstating: any version that once served serves again from the commit of one row on."""

import logging

from services.adapters import promotions
from services.db.session import session_scope
from services.domain.personas import parse_slug
from services.jobs.installation import now, open_installation
from services.jobs.promote import Moved

logger = logging.getLogger(__name__)


def rollback(persona: str, version: int | None, reason: str, actor: str) -> Moved:
    """To a version, or to the one that served before; see promotions.rollback for what it refuses."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = promotions.rollback(
            session,
            persona=parse_slug(persona),
            to_version=version,
            reason=reason,
            actor=actor,
            at=now(),
        )
        logger.info("%s: version %d serves again", persona, row.version.number)
        return {"promotion_id": row.id, "version": row.version.number, "kind": row.kind}
