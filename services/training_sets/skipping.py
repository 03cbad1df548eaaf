"""Nights without a set: why, and what becomes of everything that was said, kept as it is with a set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import SkippedNightRow


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why there is no set tonight, as one sentence.

    `counts` are the rows of each kind that there would have been, empty where nothing was read, and `dropped`
    the sources by the reason why they are not learnt from tonight.
    """

    reason: str
    dropped: Mapping[str, int]
    counts: Mapping[str, int] = field(default_factory=dict)


def record_skip(
    session: Session, persona: PersonaRow, skipped: Skipped, *, cutoff: datetime, at: datetime
) -> None:
    """Keep it; a night that is tried again says what it found last."""
    found = {
        "reason": skipped.reason,
        "counts": dict(skipped.counts),
        "dropped": dict(skipped.dropped),
        "created_at": at,
    }
    night = insert(SkippedNightRow).values(persona_id=persona.id, cutoff=cutoff, **found)
    session.execute(night.on_conflict_do_update(index_elements=["persona_id", "cutoff"], set_=found))


def forget_skip(session: Session, persona: PersonaRow, *, cutoff: datetime) -> None:
    """A night that was tried again gave a set: it is no skipped night any more."""
    night = SkippedNightRow.persona_id == persona.id, SkippedNightRow.cutoff == cutoff
    session.execute(delete(SkippedNightRow).where(*night))


def skips_of(session: Session, persona: PersonaRow, *, limit: int | None = None) -> Sequence[SkippedNightRow]:
    """The persona's skipped nights, newest first."""
    nights = select(SkippedNightRow).where(SkippedNightRow.persona_id == persona.id)
    return session.scalars(nights.order_by(SkippedNightRow.cutoff.desc()).limit(limit)).all()
