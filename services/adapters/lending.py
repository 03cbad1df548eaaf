"""Adapters that another persona's first training begins with: which can be, and who did."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona, who_serves
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.domain.personas import PersonaState
from services.domain.promotions import BASE_VERSION
from services.errors.inputs import CannotBeginWith


def live_versions(session: Session) -> Sequence[AdapterVersionRow]:
    """Of each persona that is not archived the trained version that serves it, by the persona's slug."""
    rows = session.scalars(
        select(PersonaRow).where(PersonaRow.state != PersonaState.ARCHIVED).order_by(PersonaRow.slug)
    ).all()
    serving = (session.get_one(AdapterVersionRow, who_serves(session, row).version_id) for row in rows)
    return [version for version in serving if version.number != BASE_VERSION and not why_not(version)]


def find_lent(session: Session, named: str) -> AdapterVersionRow:
    """The version of this serving name, or the one that serves the persona of this slug.

    Raises CannotBeginWith for a plain base, and for one that is unknown, tainted, damaged or removed;
    UnknownPersona.
    """
    if "@" in named:
        row = version_named(session, named)
    else:
        row = session.get_one(AdapterVersionRow, who_serves(session, find_persona(session, named)).version_id)
    if row.number == BASE_VERSION:
        raise CannotBeginWith(named, "the plain base serves there, as nothing was promoted yet")
    if reason := why_not(row):
        raise CannotBeginWith(named, reason)
    return row


def version_named(session: Session, name: str) -> AdapterVersionRow:
    """Raises CannotBeginWith where there is none of this serving name."""
    row: AdapterVersionRow | None = None
    if "\x00" not in name:
        row = session.scalar(select(AdapterVersionRow).filter_by(name=name))
    if row is None:
        raise CannotBeginWith(name, "there is no such version")
    return row


def why_not(version: AdapterVersionRow) -> str:
    """Why nobody can begin with this version, as half a sentence; empty where somebody can."""
    if version.tainted_at is not None:
        return "it learnt from a rater who was erased"
    if version.removed_at is not None:
        return "its files were removed"
    return "its files are damaged" if version.unsound_at else ""


def awaited(session: Session, persona: PersonaRow) -> set[int]:
    """The numbers of the persona's versions that another one is to begin with, of which none served yet."""
    served = select(PromotionRow.id).where(PromotionRow.persona_id == PersonaRow.id).exists()
    return set(
        session.scalars(
            select(AdapterVersionRow.number)
            .join(PersonaRow, PersonaRow.begins_with == AdapterVersionRow.name)
            .where(AdapterVersionRow.persona_id == persona.id, ~served)
        )
    )


def with_borrowers(session: Session, personas: Collection[int]) -> set[int]:
    """These personas, those that began with a version of one of them, and so on."""
    found, newest = set(personas), set(personas)
    while newest:
        borrowing = (
            select(PersonaRow.id)
            .join(AdapterVersionRow, PersonaRow.begins_with == AdapterVersionRow.name)
            .where(AdapterVersionRow.persona_id.in_(newest))
        )
        newest = set(session.scalars(borrowing)) - found
        found |= newest
    return found
