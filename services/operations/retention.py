"""Retention of one persona's adapters: which versions may lose their files, and which folders go.

The rules are `services.domain.retention`'s. The caller holds the persona's lock, so that nothing is
registered, promoted or put back meanwhile, and commits a version's mark before its folder goes: interrupted
in between, the next time finds the folder of a marked version and finishes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from services.adapters.lending import awaited
from services.adapters.promotions import history, unusable, version_by_number
from services.adapters.store import AdapterName, AdapterStore
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow
from services.domain.personas import PersonaSlug
from services.domain.promotions import BASE_VERSION, PromotionKind, rollback_target
from services.domain.retention import Holding, RetentionPolicy, why_kept, why_orphan_kept
from services.errors.refusals import NothingToRollBackTo


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a folder, and why; `name` is that of its version, empty where none has it."""

    number: int
    name: AdapterName
    size: int  # bytes
    stays: bool
    why: str


def judge_versions(
    session: Session, persona: PersonaRow, sizes: Mapping[int, int], *, policy: RetentionPolicy, at: datetime
) -> list[Fate]:
    """The fate of every version that is not removed; `sizes` are those of the store's folders by number."""
    rows = {row.number: row for row in _versions(session, persona) if row.removed_at is None}
    decided, lent = _decided(session, persona), awaited(session, persona, at=at)
    reasons = why_kept(
        (
            Holding(
                row.number,
                row.created_at,
                decided=row.id in decided,
                awaited=row.number in lent,
                tainted=row.tainted_at is not None,
            )
            for row in rows.values()
        ),
        history(session, persona),
        previous=_previous(session, persona),
        policy=policy,
        at=at,
    )
    return [
        Fate(
            number,
            AdapterName(row.name),
            sizes.get(number, 0),
            stays=bool(reasons[number]),
            why=reasons[number] or "no decision names it, and it is old",
        )
        for number, row in rows.items()
    ]


def mark_removed(session: Session, persona: PersonaRow, number: int, *, at: datetime) -> None:
    """From the commit on, the version is no target of a move, no anchor, and its folder goes."""
    version_by_number(session, persona, number).removed_at = at


def judge_folders(
    session: Session, store: AdapterStore, persona: PersonaRow, sizes: Mapping[int, int], *, at: datetime
) -> list[Fate]:
    """The fate of every folder whose version is marked as removed, or that no version has."""
    rows = {row.number: row for row in _versions(session, persona)}
    fates = []
    for number, size in sorted(sizes.items()):
        row = rows.get(number)
        if row is None:
            written_at = store.last_written(PersonaSlug(persona.slug), number)
            kept = why_orphan_kept(number, newest=max(rows, default=0), written_at=written_at, at=at)
            fates.append(
                Fate(number, AdapterName(""), size, bool(kept), kept or "no version has this folder")
            )
        elif row.removed_at is not None:
            why = "its version is removed"
            fates.append(Fate(number, AdapterName(row.name), size, stays=False, why=why))
    return fates


def removed_names(session: Session, persona: PersonaRow) -> list[AdapterName]:
    """The serving names of the versions that were removed."""
    return [AdapterName(row.name) for row in _versions(session, persona) if row.removed_at is not None]


def has_versions(session: Session, persona: PersonaRow) -> bool:
    """Whether there ever was a version but the base, and so a store to look into."""
    return bool(_versions(session, persona))


def _versions(session: Session, persona: PersonaRow) -> list[AdapterVersionRow]:
    return list(
        session.scalars(
            select(AdapterVersionRow)
            .where(AdapterVersionRow.persona_id == persona.id, AdapterVersionRow.number > BASE_VERSION)
            .order_by(AdapterVersionRow.number)
        )
    )


def _decided(session: Session, persona: PersonaRow) -> set[int]:
    """The ids of the persona's versions that a stored decision names in whatever place."""
    named = exists().where(
        or_(
            GateDecisionRow.candidate_report_id == EvaluationReportRow.id,
            GateDecisionRow.champion_report_id == EvaluationReportRow.id,
            GateDecisionRow.anchor_report_id == EvaluationReportRow.id,
        )
    )
    return set(
        session.scalars(
            select(EvaluationReportRow.adapter_version_id)
            .join(AdapterVersionRow, EvaluationReportRow.adapter_version_id == AdapterVersionRow.id)
            .where(AdapterVersionRow.persona_id == persona.id, named)
        )
    )


def _previous(session: Session, persona: PersonaRow) -> int:
    """Where a rollback of the champion leads to that names no version; the base where that is the last."""
    slug = PersonaSlug(persona.slug)
    moves = [move for move in history(session, persona) if move.kind is not PromotionKind.CANARY]
    try:
        return rollback_target(moves, None, persona=slug, unsound=unusable(session, persona))
    except NothingToRollBackTo:
        return BASE_VERSION
