"""Rolling back, and reinstating: any version that once served serves again from the commit of one row on."""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters import promotions
from services.adapters.store import AdapterName
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug, parse_slug
from services.domain.single_line import check_line
from services.jobs.installation import Installation, now, open_installation
from services.jobs.promote import Moved, moved

REASON_LIMIT = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Restored:
    """A version whose files hold, although it was marked unsound at that instant."""

    number: int
    marked_at: datetime


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
    reason, slug = check_line("reason", reason, limit=REASON_LIMIT), parse_slug(persona)
    restored = None if version is None else _restored(installation, slug, version)
    with session_scope(installation.engine) as session:
        if once and (made := _moved_by(session, slug, actor)):
            return moved(session, made)
        if restored is not None:
            _clear(session, slug, restored)
        return rollback_in(session, slug, version, reason, actor, at=now())


def rollback_in(
    session: Session, persona: PersonaSlug, version: int | None, reason: str, actor: str, *, at: datetime
) -> Moved:
    """As `rollback`, in a given session, where nobody looks at the files of a version that bears a mark."""
    row = promotions.rollback(
        session,
        persona=persona,
        to_version=version,
        reason=check_line("reason", reason, limit=REASON_LIMIT),
        actor=actor,
        at=at,
    )
    return moved(session, row)


def _moved_by(session: Session, persona: PersonaSlug, actor: str) -> PromotionRow | None:
    """What the actor did to this persona; the lock lets a try that still runs finish first."""
    row = promotions.lock_persona(session, persona)
    return session.scalar(
        select(PromotionRow).where(PromotionRow.persona_id == row.id, PromotionRow.actor == actor)
    )


def _restored(installation: Installation, persona: PersonaSlug, number: int) -> _Restored | None:
    """What was looked at, its files whole again; None for a version that bears no mark."""
    with session_scope(installation.engine) as session:
        version = _version(session, persona, number)
        name, marked_at = AdapterName(version.name), version.unsound_at
    if marked_at is None:
        return None
    with TemporaryDirectory() as nowhere_cached:
        installation.store.fetch(name, into=Path(nowhere_cached))
    return _Restored(number, marked_at)


def _clear(session: Session, persona: PersonaSlug, restored: _Restored) -> None:
    """Take the mark off, in the transaction of the move: refused, it leaves the mark where it was.

    A mark that came after the look stays.
    """
    promotions.lock_persona(session, persona)
    version = _version(session, persona, restored.number)
    if version.unsound_at == restored.marked_at:
        promotions.clear_unsound(session, version_id=version.id)
        session.flush()  # the move reads who is sound
        logger.info("%s: the files of version %d hold again", persona, restored.number)


def _version(session: Session, persona: PersonaSlug, number: int) -> AdapterVersionRow:
    return promotions.version_by_number(session, promotions.find_persona(session, persona), number)
