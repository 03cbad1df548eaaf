"""From something that somebody said forward: the sets that learnt from it, what became of their versions, or
why no set did. From an answer back is `lineage`.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from sqlalchemy import Select, false, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.adapters.freezing import thaw
from services.db.feedback_tables import (
    AnswerRow,
    ComparisonRow,
    ConversationRow,
    CorrectionRow,
    PersonaRow,
    QuestionRow,
    RatingRow,
    SeedExampleRow,
)
from services.db.lineage_tables import (
    AdapterVersionRow,
    TrainingRunRow,
    TrainingSetRow,
    TrainingSetSourcesRow,
)
from services.db.session import session_scope
from services.errors.lookups import UnknownSource
from services.errors.tree import InvalidInput
from services.jobs.installation import open_installation
from services.jobs.verdicts import judged
from services.training.watching import held_runs, state_of
from services.training_sets.conditions import of_everyone
from services.training_sets.skipping import skips_of

Record = dict[str, Any]
Journal = type[RatingRow] | type[CorrectionRow] | type[ComparisonRow]
_JOURNALS: dict[str, tuple[Journal, InstrumentedAttribute[UUID]]] = {
    "rating": (RatingRow, RatingRow.answer_id),
    "correction": (CorrectionRow, CorrectionRow.answer_id),
    "comparison": (ComparisonRow, ComparisonRow.left_answer_id),
}
KINDS = (*_JOURNALS, "seed")
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FoundSource:
    """Something said of a persona; `name` is such as "rating:12". A seed has no rater.

    `erased`: it, or what it was said of, is a tombstone.
    """

    name: str
    persona: PersonaRow
    said_at: datetime
    rater: UUID | None
    erased: bool


def shaped_by(name: str) -> Record:
    """What a source such as `rating:12` shaped: sets that learnt from it or went on from those, or why none.

    Raises InvalidInput for what names none, UnknownSource for one that does not exist, FrozenFileCorrupt.
    """
    kind, _, number = name.partition(":")
    if kind not in KINDS or not number.isdecimal() or len(number) > len(str(_LARGEST_ID)):
        kinds = ", ".join(KINDS)
        raise InvalidInput(f"{name[:60]!r} is no source: name one such as rating:12, of {kinds}.")
    with open_installation() as installation, session_scope(installation.engine) as session:
        return trace(session, installation.settings.store_url, kind, int(number))


def trace(session: Session, store_url: str, kind: str, source_id: int) -> Record:
    """As `shaped_by`, in a given session; `why_not` is empty where a set learnt from it."""
    source = _find(session, kind, source_id)
    learnt, itself = sets_with(session, kind, source_id), _learning_sets(session, kind, source_id)
    return {
        "source": source.name,
        "persona": source.persona.slug,
        "said_at": source.said_at.isoformat(),
        "rater": None if source.rater is None else str(source.rater),
        "shaped": [record for row in learnt for record in _shaped(session, row, itself)],
        "why_not": "" if learnt else _why_not(session, store_url, source),
    }


def sets_with(session: Session, kind: str, source_id: int) -> list[TrainingSetRow]:
    """The sets that learnt from one source and those that went on from one of them, oldest first.

    One that was rebuilt without the word of a rater says what would have been: it counts once trained on.
    """
    learnt = newest = _learning_sets(session, kind, source_id)
    while newest:
        start = TrainingSetRow.plan["start"]["training_set"].as_integer()
        newest = set(session.scalars(select(TrainingSetRow.id).where(start.in_(newest)))) - learnt
        learnt = learnt | newest
    return list(
        session.scalars(
            select(TrainingSetRow)
            .where(
                TrainingSetRow.id.in_(learnt),
                or_(of_everyone(), TrainingSetRow.id.in_(select(TrainingRunRow.training_set_id))),
            )
            .order_by(TrainingSetRow.id)
        )
    )


def _find(session: Session, kind: str, source_id: int) -> FoundSource:
    name = f"{kind}:{source_id}"
    found = session.execute(_said(kind, source_id)).one_or_none() if source_id <= _LARGEST_ID else None
    if found is None:
        raise UnknownSource(kind, source_id)
    return FoundSource(name, *found)


def _said(kind: str, source_id: int) -> Select[PersonaRow, datetime, UUID | None, bool]:
    """Of which persona it was said, when, by whom, and whether that was erased."""
    if kind == "seed":
        return (
            select(PersonaRow, SeedExampleRow.imported_at, null(), false())
            .join(SeedExampleRow, SeedExampleRow.persona_id == PersonaRow.id)
            .where(SeedExampleRow.id == source_id)
        )
    journal, answer = _JOURNALS[kind]
    return (
        select(
            PersonaRow,
            journal.created_at,
            journal.rater_id,
            or_(journal.tombstone.is_not(None), AnswerRow.tombstone.is_not(None)),
        )
        .join(ConversationRow, ConversationRow.persona_id == PersonaRow.id)
        .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .join(journal, answer == AnswerRow.id)
        .where(journal.id == source_id)
    )


def _learning_sets(session: Session, kind: str, source_id: int) -> set[int]:
    """Ids of the sets with a row that came from it."""
    return set(
        session.scalars(
            select(TrainingSetSourcesRow.training_set_id).where(
                TrainingSetSourcesRow.kind == kind, TrainingSetSourcesRow.ids.contains([source_id])
            )
        )
    )


def _shaped(session: Session, training_set: TrainingSetRow, itself: Collection[int]) -> list[Record]:
    """What became of one set, a record for each version that was made from it, or one that says why none."""
    runs = session.execute(
        select(TrainingRunRow, AdapterVersionRow)
        .outerjoin(AdapterVersionRow, AdapterVersionRow.training_run_id == TrainingRunRow.id)
        .where(TrainingRunRow.training_set_id == training_set.id)
        .order_by(TrainingRunRow.id)
    ).all()
    outcomes = [
        (version.number, _judged(session, version)) if version else (None, _not_made(session, run))
        for run, version in runs
    ]
    how = "learnt from it" if training_set.id in itself else "went on from a set that learnt from it"
    redacted = ", redacted since" if training_set.redacted_at else ""
    rebuilt = "rebuilt without the word of a rater, " if training_set.policy.get("without") else ""
    record = {
        "training_set": training_set.id,
        "cutoff": training_set.cutoff.isoformat(),
        "how": f"{rebuilt}{how}{redacted}",
    }
    return [
        record | {"version": number, "outcome": outcome}
        for number, outcome in outcomes or [(None, "nothing was trained on it yet")]
    ]


def _not_made(session: Session, run: TrainingRunRow) -> str:
    because = f": {run.error}" if run.error else ""
    return f"training run {run.id} is {state_of(run, held_runs(session))} and made no version{because}"


def _judged(session: Session, version: AdapterVersionRow) -> str:
    """What the gate said of a version, and whether it served."""
    found = judged(session, version)
    said = f"{found.verdict} in decision {found.decision}" if found.decision else "no gate has judged it"
    if found.serves:
        return f"{said}; it serves"
    if found.is_tried:
        return f"{said}; some conversations go to it, in a canary"
    if found.served_from is None and found.tried_from is not None:
        return f"{said}; a canary of it began at {found.tried_from.isoformat()} and ended"
    if found.served_from is None:
        return f"{said}; it has served nobody"
    return f"{said}; it served first from {found.served_from.isoformat()} and does not now"


def _why_not(session: Session, store_url: str, source: FoundSource) -> str:
    if source.erased:
        return "it, or what it was said of, was erased with a rater before any set learnt from it"
    sets = session.scalars(
        select(TrainingSetRow)
        .where(TrainingSetRow.persona_id == source.persona.id, of_everyone())
        .order_by(TrainingSetRow.cutoff.desc(), TrainingSetRow.id.desc())
    ).all()
    later = [row for row in sets if row.cutoff >= source.said_at]
    if not later:
        last = f": the last one is up to {sets[0].cutoff.isoformat()}" if sets else ""
        skipped = [night for night in skips_of(session, source.persona) if night.cutoff >= source.said_at]
        why = f"; the night up to {skipped[0].cutoff.isoformat()}: {skipped[0].reason}" if skipped else ""
        return f"no training set was made since it was said{last}{why}"
    for row in later:
        reasons = _left_out(store_url, row, source.name)
        if reasons:
            return f"left out of training set {row.id}: {'; '.join(reasons)}"
    return (
        f"training set {later[0].id} and those before do not know it: it was written down after they were "
        "made, or by a clock that ran behind. The next one hears it if it begins from the base, or if it "
        "came less than an hour late"
    )


def _left_out(store_url: str, training_set: TrainingSetRow, name: str) -> list[str]:
    """The reasons that a set's frozen account of what was left out gives for a source."""
    excluded = training_set.report.get("excluded")
    if excluded is None:  # of an earlier release
        return []
    quoted, reasons = f'"{name}"', list[str]()
    with TemporaryDirectory(prefix="why-") as folder:
        file = thaw(store_url, excluded["path"], digest=excluded["digest"], into=Path(folder))
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if quoted in line:
                    reasons.append(json.loads(line)["reason"])
    return list(dict.fromkeys(reasons))
