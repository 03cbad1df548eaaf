"""The ledger of promotions in PostgreSQL: who serves, and the two moves that change it.

Promote and rollback are one row each, in the caller's transaction, announced with NOTIFY. Reading who
serves is one indexed row, done per ask: nothing else in the system asks for the latest version.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.adapters.store import AdapterName
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, PromotionRow
from services.domain.gate import GATE_VERSION
from services.domain.personas import PersonaSlug, parse_slug
from services.domain.promotions import BASE_VERSION, Promotion, PromotionKind, newest_sound, rollback_target
from services.errors.inputs import InvalidSlug
from services.errors.lookups import UnknownPersona, UnknownRecord, UnknownVersion
from services.errors.refusals import (
    AnchorChanged,
    DecisionOutdated,
    GateChanged,
    NotPassed,
    VersionServedBefore,
    VersionUnsound,
)

logger = logging.getLogger(__name__)

CHANNEL = "promotions"


@dataclass(frozen=True, slots=True)
class Serving:
    """Who serves a persona at this instant; `version_id` is the row's id, `number` what people see."""

    version_id: int
    number: int
    name: AdapterName


def who_serves(session: Session, persona: PersonaRow) -> Serving:
    """The champion: the newest row of the ledger, or version 0 where there is none."""
    version = session.scalar(
        select(AdapterVersionRow)
        .join(PromotionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == persona.id)
        .order_by(PromotionRow.id.desc())
        .limit(1)
    ) or version_by_number(session, persona, BASE_VERSION)
    return Serving(version.id, version.number, AdapterName(version.name))


def champion_at(session: Session, persona: PersonaRow, at: datetime) -> AdapterVersionRow:
    """Who served at an instant that is over: the newest row of the ledger by then, or version 0."""
    return session.scalar(
        select(AdapterVersionRow)
        .join(PromotionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == persona.id, PromotionRow.at <= at)
        .order_by(PromotionRow.id.desc())
        .limit(1)
    ) or version_by_number(session, persona, BASE_VERSION)


def anchor_of(session: Session, candidate: AdapterVersionRow) -> AdapterVersionRow | None:
    """The first approved version of the candidate's persona that can be asked beside it.

    Its files are sound and it was trained on the same base. None before there is one, and where it is the
    candidate itself.
    """
    approved = session.scalars(
        select(AdapterVersionRow)
        .join(PromotionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == candidate.persona_id, PromotionRow.kind == PromotionKind.FULL)
        .where(AdapterVersionRow.unsound_at.is_(None))
        .order_by(PromotionRow.id)
    )
    base = candidate.provenance.get("base_digest")
    for version in approved:
        if version.provenance.get("base_digest") == base:
            return None if version.id == candidate.id else version
        logger.info("%s is no anchor for %s: it was trained on another base", version.name, candidate.name)
    return None


def history(session: Session, persona: PersonaRow) -> list[Promotion]:
    """The persona's ledger, oldest first."""
    rows = session.execute(
        select(AdapterVersionRow.number, PromotionRow.kind, PromotionRow.at)
        .join(AdapterVersionRow, PromotionRow.adapter_version_id == AdapterVersionRow.id)
        .where(PromotionRow.persona_id == persona.id)
        .order_by(PromotionRow.id)
    )
    return [Promotion(row.number, PromotionKind(row.kind), row.at) for row in rows]


def moves_of(session: Session, version_id: int) -> list[PromotionRow]:
    """The rows of the ledger that put a version in its place, oldest first."""
    return list(
        session.scalars(
            select(PromotionRow)
            .where(PromotionRow.adapter_version_id == version_id)
            .order_by(PromotionRow.id)
        )
    )


def promote(session: Session, *, decision_id: int, actor: str, at: datetime) -> PromotionRow:
    """Let the candidate of a passed decision serve; the same decision again returns the row that is there.

    Raises NotPassed for any verdict but PASS, DecisionOutdated when another champion serves by now,
    AnchorChanged, GateChanged, VersionUnsound, VersionServedBefore, UnknownRecord.
    """
    decision = session.get(GateDecisionRow, decision_id)
    if decision is None:
        raise UnknownRecord("gate decision", decision_id)
    if decision.verdict != "PASS":
        raise NotPassed(decision_id, decision.verdict)
    version = decision.candidate_report.version
    persona = lock_persona(session, version.persona.slug)
    existing = session.scalar(
        select(PromotionRow).where(
            PromotionRow.decision_id == decision_id, PromotionRow.kind == PromotionKind.FULL
        )
    )
    if existing is not None:
        return existing
    _refuse_outdated(session, decision, version)
    session.refresh(version)  # whoever held the lock may have marked it
    if version.unsound_at is not None:
        raise VersionUnsound(persona.slug, version.number, version.unsound_reason or "")
    if any(past.version == version.number for past in history(session, persona)):
        raise VersionServedBefore(persona.slug, version.number)
    return _append(
        session,
        version=version,
        kind=PromotionKind.FULL,
        decision_id=decision_id,
        actor=actor,
        reason=f"decision {decision_id} is PASS",
        at=at,
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

    Raises UnknownPersona, UnknownVersion, VersionNeverServed, VersionUnsound, NothingToRollBackTo.
    """
    row = lock_persona(session, persona)
    if to_version is not None:
        version_by_number(session, row, to_version)
    past = history(session, row)
    target = rollback_target(past, to_version, persona=persona, unsound=_unsound(session, row))
    kind = PromotionKind.REINSTATE if target > who_serves(session, row).number else PromotionKind.ROLLBACK
    version = version_by_number(session, row, target)
    return _append(session, version=version, kind=kind, decision_id=None, actor=actor, reason=reason, at=at)


def withdraw(
    session: Session, *, version_id: int, problem: str, actor: str, at: datetime
) -> PromotionRow | None:
    """Mark a version unsound and, if it serves, put the newest sound one (or the base) in its place.

    Returns the ledger row, or None when the version does not serve any more.
    """
    version = session.get_one(AdapterVersionRow, version_id)
    row = lock_persona(session, version.persona.slug)
    if version.unsound_at is None:
        version.unsound_at, version.unsound_reason = at, problem
    if who_serves(session, row).version_id != version_id:
        return None
    target = newest_sound(history(session, row), unsound=_unsound(session, row) | {version.number})
    return _append(
        session,
        version=version_by_number(session, row, target),
        kind=PromotionKind.ROLLBACK,
        decision_id=None,
        actor=actor,
        reason=f"version {version.number} is unsound: {problem}",
        at=at,
    )


def clear_unsound(session: Session, *, version_id: int) -> None:
    """Take the mark off a version whose files were checked anew; the ledger still tells of its withdrawal."""
    version = session.get_one(AdapterVersionRow, version_id)
    version.unsound_at = version.unsound_reason = None


def find_persona(session: Session, slug: str) -> PersonaRow:
    """The persona of that slug; UnknownPersona, also for a text that is no slug at all."""
    try:
        parse_slug(slug)
    except InvalidSlug as error:
        raise UnknownPersona(slug) from error
    row = session.scalar(select(PersonaRow).where(PersonaRow.slug == slug))
    if row is None:
        raise UnknownPersona(slug)
    return row


def lock_persona(session: Session, slug: str) -> PersonaRow:
    """The persona's row, locked until the transaction ends: moves of one persona happen one after another.

    Asks do not wait for it: they only refer to the persona, and its key is not what is locked.
    """
    row = session.scalar(select(PersonaRow).where(PersonaRow.slug == slug).with_for_update(key_share=True))
    if row is None:
        raise UnknownPersona(slug)
    return row


def version_by_number(session: Session, persona: PersonaRow, number: int) -> AdapterVersionRow:
    version = session.scalar(
        select(AdapterVersionRow).where(
            AdapterVersionRow.persona_id == persona.id, AdapterVersionRow.number == number
        )
    )
    if version is None:
        raise UnknownVersion(persona.slug, number)
    return version


def _refuse_outdated(session: Session, decision: GateDecisionRow, candidate: AdapterVersionRow) -> None:
    """Another gate, another champion or another anchor by now: what was decided says nothing of them."""
    if decision.gate_version != GATE_VERSION:
        raise GateChanged(decision.id, made_by=decision.gate_version, this=GATE_VERSION)
    champion, serves = decision.champion_report.version, who_serves(session, candidate.persona)
    if serves.version_id != champion.id:
        raise DecisionOutdated(decision.id, judged_against=champion.number, serves=serves.number)
    anchor, held_against = anchor_of(session, candidate) or champion, decision.anchor_report.version
    if anchor.id != held_against.id:
        raise AnchorChanged(decision.id, held_against=held_against.number, anchor=anchor.number)


def _unsound(session: Session, persona: PersonaRow) -> set[int]:
    return set(
        session.scalars(
            select(AdapterVersionRow.number).where(
                AdapterVersionRow.persona_id == persona.id, AdapterVersionRow.unsound_at.is_not(None)
            )
        )
    )


def _append(
    session: Session,
    *,
    version: AdapterVersionRow,
    kind: PromotionKind,
    decision_id: int | None,
    actor: str,
    reason: str,
    at: datetime,
) -> PromotionRow:
    row = PromotionRow(
        persona_id=version.persona_id,
        version=version,
        kind=kind,
        decision_id=decision_id,
        actor=actor,
        reason=reason,
        at=at,
    )
    session.add(row)
    payload = {"persona": version.persona.slug, "version": version.number, "name": version.name}
    session.execute(select(func.pg_notify(CHANNEL, json.dumps(payload))))
    session.flush()  # constraints speak here, and the caller gets the row's id
    return row
