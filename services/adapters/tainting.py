"""Versions that learnt from an erased rater: never put in place again, and replaced where one serves.

What a model has learnt cannot be taken out of its weights. A tainted version that serves goes on until what
was trained without the rater is judged against whoever would serve in its place (`incumbent`).
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.live import live_now
from services.adapters.promotions import incumbent, lock_persona, rollback, who_serves
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.domain.personas import PersonaSlug


def taint(session: Session, runs: Collection[int], *, reason: str, at: datetime) -> list[AdapterVersionRow]:
    """Mark the versions that came of these training runs; the persona is locked by the caller."""
    found = session.scalars(
        select(AdapterVersionRow)
        .where(AdapterVersionRow.training_run_id.in_(runs))
        .order_by(AdapterVersionRow.id)
    ).all()
    for version in found:
        if version.tainted_at is None:
            version.tainted_at, version.tainted_reason = at, reason
    return list(found)


def end_tainted_canary(session: Session, persona: PersonaRow, *, actor: str, at: datetime) -> None:
    """Nobody is answered by a tainted version on trial; the caller holds the persona's lock."""
    _, canary = live_now(session, persona)
    if canary is not None and session.get_one(AdapterVersionRow, canary.version_id).tainted_at is not None:
        slug, reason = PersonaSlug(persona.slug), f"version {canary.version} is tainted"
        rollback(session, persona=slug, to_version=None, reason=reason, actor=actor, at=at)


def fall_back(session: Session, *, persona: str, actor: str, at: datetime) -> PromotionRow | None:
    """Put the newest sound and untainted version, or the base, in the place of a tainted one that serves.

    None where none does, as when a clean one was promoted meanwhile. Raises UnknownPersona.
    """
    row = lock_persona(session, persona)
    serving = session.get_one(AdapterVersionRow, who_serves(session, row).version_id)
    if serving.tainted_at is None:
        return None
    return rollback(
        session,
        persona=PersonaSlug(persona),
        to_version=incumbent(session, row).number,
        reason=f"version {serving.number} is tainted: {serving.tainted_reason}",
        actor=actor,
        at=at,
    )
