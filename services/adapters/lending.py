"""Adapters that another persona's first training begins with: which can be, and who did."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased, contains_eager

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.domain.personas import PersonaState
from services.domain.promotions import BASE_VERSION, PromotionKind
from services.errors.inputs import CannotBeginWith


def live_versions(session: Session) -> Sequence[AdapterVersionRow]:
    """Of each persona that is not archived the trained version that serves it, by the persona's slug."""
    champion = (
        select(PromotionRow.adapter_version_id)
        .where(PromotionRow.persona_id == PersonaRow.id, PromotionRow.kind != PromotionKind.CANARY)
        .order_by(PromotionRow.id.desc())
        .limit(1)
        .correlate(PersonaRow)
        .scalar_subquery()
    )
    serving = session.scalars(
        select(AdapterVersionRow)
        .join(PersonaRow, AdapterVersionRow.id == champion)
        .where(PersonaRow.state != PersonaState.ARCHIVED, AdapterVersionRow.number != BASE_VERSION)
        .order_by(PersonaRow.slug)
        .options(contains_eager(AdapterVersionRow.persona))
    )
    return [version for version in serving if not why_not(version)]


def find_lent(session: Session, name: str) -> AdapterVersionRow:
    """The version of this serving name.

    Raises CannotBeginWith for the plain base, and for one that is unknown, tainted, damaged or removed.
    """
    row = version_named(session, name)
    if row.number == BASE_VERSION:
        raise CannotBeginWith(name, "it is the plain base, which learnt nothing")
    if reason := why_not(row):
        raise CannotBeginWith(name, reason)
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


def begins(session: Session, persona: PersonaRow, *, at: datetime) -> bool:
    """Whether its training at that instant begins with the version it names, if that can be had.

    It does until a version of its own serves everybody for the first time, which a canary does not. One that
    was rolled back did: the files are kept no longer than that, so no later night may depend on them.
    """
    return bool(session.scalar(select(_to_begin(at)).where(PersonaRow.id == persona.id)))


def awaited(session: Session, persona: PersonaRow, *, at: datetime) -> set[int]:
    """The numbers of the persona's versions that another one, by `begins`, is to begin with."""
    return set(
        session.scalars(
            select(AdapterVersionRow.number)
            .join(PersonaRow, PersonaRow.begins_with == AdapterVersionRow.name)
            .where(AdapterVersionRow.persona_id == persona.id, _to_begin(at))
        )
    )


def _to_begin(at: datetime) -> ColumnElement[bool]:
    """Of a persona's row."""
    own = aliased(AdapterVersionRow)
    served = (
        select(PromotionRow.id)
        .join(own, PromotionRow.adapter_version_id == own.id)
        .where(PromotionRow.persona_id == PersonaRow.id, PromotionRow.kind != PromotionKind.CANARY)
        .where(PromotionRow.at <= at, own.number != BASE_VERSION)
        .exists()
    )
    return (PersonaRow.begins_with != "") & ~served


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
