"""Rolling back, and reinstating: any version that once served serves again from the commit of one row on."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters import promotions
from services.adapters.store import AdapterName
from services.db.lineage_tables import PromotionRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug, parse_slug
from services.feedback.single_line import check_line
from services.jobs.installation import Installation, now, open_installation
from services.jobs.promote import Moved, moved

REASON_LIMIT = 500

logger = logging.getLogger(__name__)


def rollback(persona: str, version: int | None, reason: str, actor: str, *, once: bool = False) -> Moved:
    """To a version, or to the one that served before; see promotions.rollback for what it refuses.

    `once`: the actor stands for one request, as a run of a DAG does. Asked again in its name, this changes
    nothing and returns the row that was written then.

    A version that is named and marked unsound is looked at again first: its files may have been restored.
    AdapterCorrupt or AdapterMissing when they were not.
    """
    with open_installation() as installation:
        return rollback_with(installation, persona, version, reason, actor, once=once)


def rollback_with(
    installation: Installation,
    persona: str,
    version: int | None,
    reason: str,
    actor: str,
    *,
    once: bool = False,
) -> Moved:
    """As `rollback`, in a given installation. Raises what `check_line` raises for the reason."""
    reason = check_line("reason", reason, limit=REASON_LIMIT)
    if version is not None:
        _clear_if_restored(installation, persona, version)
    with session_scope(installation.engine) as session:
        slug = parse_slug(persona)
        row = (_moved_by(session, slug, actor) if once else None) or promotions.rollback(
            session, persona=slug, to_version=version, reason=reason, actor=actor, at=now()
        )
        return moved(session, row)


def _moved_by(session: Session, persona: PersonaSlug, actor: str) -> PromotionRow | None:
    """What the actor did to this persona; the lock lets a try that still runs finish first."""
    row = promotions.lock_persona(session, persona)
    return session.scalar(
        select(PromotionRow).where(PromotionRow.persona_id == row.id, PromotionRow.actor == actor)
    )


def _clear_if_restored(installation: Installation, persona: str, number: int) -> None:
    with session_scope(installation.engine) as session:
        row = promotions.find_persona(session, persona)
        version = promotions.version_by_number(session, row, number)
        version_id, name, unsound = version.id, AdapterName(version.name), version.unsound_at is not None
    if not unsound:
        return
    with TemporaryDirectory() as nowhere_cached:
        installation.store.fetch(name, into=Path(nowhere_cached))
    with session_scope(installation.engine) as session:
        promotions.clear_unsound(session, version_id=version_id)
    logger.info("%s: the files of version %d hold again", persona, number)
