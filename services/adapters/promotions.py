"""The ledger of promotions in PostgreSQL: who serves, and the moves back. Those forward are `promoting`'s.

A move is one row, in the caller's transaction, announced with NOTIFY. Reading who serves is one indexed row:
nothing else in the system asks for the latest version. What some conversations go to is `live`'s to read.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from services.adapters.store import AdapterName
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.domain.personas import PersonaSlug, parse_slug
from services.domain.promotions import (
    BASE_VERSION,
    Promotion,
    PromotionKind,
    newest_sound,
    open_canary,
    rollback_target,
)
from services.errors.inputs import InvalidSlug
from services.errors.lookups import UnknownPersona, UnknownVersion
from services.errors.refusals import VersionRemoved, VersionTainted

logger = logging.getLogger(__name__)

CHANNEL = "promotions"


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves a persona at this instant; `version_id` is the row's id, `number` what people see."""

    version_id: int
    number: int
    name: AdapterName


def who_serves(session: Session, persona: PersonaRow) -> Serving:
    """The champion: the version of the newest row of the ledger but canaries, or version 0."""
    version = session.scalar(
        select(AdapterVersionRow)
        .join(PromotionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == persona.id, PromotionRow.kind != PromotionKind.CANARY)
        .order_by(PromotionRow.id.desc())
        .limit(1)
    ) or version_by_number(session, persona, BASE_VERSION)
    return Serving(version.id, version.number, AdapterName(version.name))


def champion_at(session: Session, persona: PersonaRow, at: datetime) -> AdapterVersionRow:
    """Who was the champion at an instant that is over."""
    return session.scalar(
        select(AdapterVersionRow)
        .join(PromotionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(
            PromotionRow.persona_id == persona.id,
            PromotionRow.kind != PromotionKind.CANARY,
            PromotionRow.at <= at,
        )
        .order_by(PromotionRow.id.desc())
        .limit(1)
    ) or version_by_number(session, persona, BASE_VERSION)


def incumbent(session: Session, persona: PersonaRow) -> AdapterVersionRow:
    """Whom a candidate is to replace: who serves, or who would in the place of one that is tainted."""
    serving = session.get_one(AdapterVersionRow, who_serves(session, persona).version_id)
    if serving.tainted_at is None:
        return serving
    number = newest_sound(history(session, persona), unsound=unusable(session, persona))
    return version_by_number(session, persona, number)


def anchor_of(session: Session, candidate: AdapterVersionRow) -> AdapterVersionRow | None:
    """The first approved version of the candidate's persona that can be asked beside it.

    It is sound and untainted and was trained on the same base; for the first candidates on a new base, on
    that of whom they are to replace. None before there is one, and where it is the candidate itself.
    """
    approved = session.scalars(
        select(AdapterVersionRow)
        .join(PromotionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == candidate.persona_id, PromotionRow.kind == PromotionKind.FULL)
        .where(AdapterVersionRow.unsound_at.is_(None), AdapterVersionRow.removed_at.is_(None))
        .where(AdapterVersionRow.tainted_at.is_(None))
        .order_by(PromotionRow.id)
    )
    first_on: dict[object, AdapterVersionRow] = {}
    for version in approved:
        first_on.setdefault(version.provenance.get("base_digest"), version)
    for one in (candidate, incumbent(session, candidate.persona)):
        anchor = first_on.get(one.provenance.get("base_digest"))
        if anchor is not None and one.number != BASE_VERSION:
            return None if anchor.id == candidate.id else anchor
    return None


def history(session: Session, persona: PersonaRow) -> list[Promotion]:
    """The persona's ledger, oldest first."""
    rows = session.execute(
        select(AdapterVersionRow.number, PromotionRow.kind, PromotionRow.at, PromotionRow.share)
        .join(AdapterVersionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == persona.id)
        .order_by(PromotionRow.id)
    )
    return [Promotion(row.number, PromotionKind(row.kind), row.at, row.share) for row in rows]


def moves_of(session: Session, version_id: int) -> list[PromotionRow]:
    """The rows of the ledger that name a version, canaries among them, oldest first."""
    return list(
        session.scalars(
            select(PromotionRow)
            .where(PromotionRow.adapter_version_id == version_id)
            .order_by(PromotionRow.id)
        )
    )


def rollback(
    session: Session,
    *,
    persona: PersonaSlug,
    to_version: int | None,
    reason: str,
    actor: str,
    at: datetime,
) -> PromotionRow:
    """Put an earlier version back (or, towards a higher number, reinstate it).

    An open canary ends in any case; where no version is named, that alone is done. Raises UnknownPersona,
    UnknownVersion, VersionNeverServed, VersionUnsound, VersionTainted, VersionRemoved, NothingToRollBackTo.
    """
    row = lock_persona(session, persona)
    if to_version is not None:
        check_usable(version_by_number(session, row, to_version))
    past = history(session, row)
    target = rollback_target(past, to_version, persona=persona, unsound=unusable(session, row))
    kind = PromotionKind.REINSTATE if target > who_serves(session, row).number else PromotionKind.ROLLBACK
    if canary := open_canary(past):
        reason = f"{reason} ({_ends(canary)})"
    version = version_by_number(session, row, target)
    return append(session, version=version, kind=kind, actor=actor, reason=reason, at=at)


def withdraw(
    session: Session, *, version_id: int, problem: str, actor: str, at: datetime
) -> PromotionRow | None:
    """Mark a version unsound and, if it serves, put the newest sound one (or the base) in its place.

    An open canary ends where it is the version's, or where the champion is replaced. Returns the ledger row,
    or None when the version does not serve any more.
    """
    version = session.get_one(AdapterVersionRow, version_id)
    row = lock_persona(session, version.persona.slug)
    if version.unsound_at is None:
        version.unsound_at, version.unsound_reason = at, problem
    past = history(session, row)
    canary = open_canary(past)
    if version.number not in {who_serves(session, row).number, canary.version if canary else None}:
        return None
    target = newest_sound(past, unsound=unusable(session, row) | {version.number})
    ending = f" ({_ends(canary)})" if canary else ""
    return append(
        session,
        version=version_by_number(session, row, target),
        kind=PromotionKind.ROLLBACK,
        actor=actor,
        reason=f"version {version.number} is unsound: {problem}{ending}",
        at=at,
    )


def clear_unsound(session: Session, *, version_id: int) -> None:
    """Take the mark off a version whose files were checked anew; the ledger still tells of its withdrawal."""
    version = session.get_one(AdapterVersionRow, version_id)
    version.unsound_at = version.unsound_reason = None


def find_persona(session: Session, slug: str) -> PersonaRow:
    """The persona of that slug; UnknownPersona, also for a text that is no slug at all."""
    row = session.scalar(select(PersonaRow).where(PersonaRow.slug == _slug_of(slug)))
    if row is None:
        raise UnknownPersona(slug)
    return row


def lock_persona(session: Session, slug: str) -> PersonaRow:
    """The persona's row, locked until the transaction ends: moves of one persona happen one after another.

    Asks do not wait for it: they only refer to the persona, and its key is not what is locked. What was read
    of the persona before is read again: its policies may have changed while this waited.
    """
    locking = select(PersonaRow).where(PersonaRow.slug == _slug_of(slug)).with_for_update(key_share=True)
    row = session.scalar(locking, execution_options={"populate_existing": True})
    if row is None:
        raise UnknownPersona(slug)
    return row


def _slug_of(text: str) -> PersonaSlug:
    try:
        return parse_slug(text)
    except InvalidSlug as error:
        raise UnknownPersona(text) from error


def version_by_number(session: Session, persona: PersonaRow, number: int) -> AdapterVersionRow:
    version = session.scalar(
        select(AdapterVersionRow).where(
            AdapterVersionRow.persona_id == persona.id, AdapterVersionRow.number == number
        )
    )
    if version is None:
        raise UnknownVersion(persona.slug, number)
    return version


def check_usable(version: AdapterVersionRow) -> None:
    """VersionRemoved for one whose files retention took from the store, VersionTainted for one that learnt
    from a rater who was erased.
    """
    if version.tainted_at is not None:
        raise VersionTainted(version.persona.slug, version.number)
    if version.removed_at is not None:
        raise VersionRemoved(version.persona.slug, version.number)


def unusable(session: Session, persona: PersonaRow) -> set[int]:
    """The numbers of versions that no move leads to: unsound or tainted ones, and those without files."""
    marks = (AdapterVersionRow.unsound_at, AdapterVersionRow.removed_at, AdapterVersionRow.tainted_at)
    return set(
        session.scalars(
            select(AdapterVersionRow.number).where(
                AdapterVersionRow.persona_id == persona.id, or_(*(mark.is_not(None) for mark in marks))
            )
        )
    )


def append(  # noqa: PLR0913  (a row's columns)
    session: Session,
    *,
    version: AdapterVersionRow,
    kind: PromotionKind,
    share: float | None = None,
    decision_id: int | None = None,
    actor: str,
    reason: str,
    at: datetime,
) -> PromotionRow:
    """A row of the ledger, announced when it commits. The caller holds the persona's lock.

    It is never older than the row before it: who waited for the lock took the time before that.
    """
    before = session.scalar(
        select(func.max(PromotionRow.at)).where(PromotionRow.persona_id == version.persona_id)
    )
    row = PromotionRow(
        persona_id=version.persona_id,
        version=version,
        kind=kind,
        share=share,
        decision_id=decision_id,
        actor=actor,
        reason=reason,
        at=max(at, before or at),
    )
    session.add(row)
    payload = {"persona": version.persona.slug, "version": version.number, "name": version.name}
    session.execute(select(func.pg_notify(CHANNEL, json.dumps(payload))))
    session.flush()  # constraints speak here, and the caller gets the row's id
    return row


def _ends(canary: Promotion) -> str:
    return f"the canary of version {canary.version} ends"
