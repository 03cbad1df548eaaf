"""All that is kept of one rater, as they may read it and take it with them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, true
from sqlalchemy.orm import Session

from services.db.agreement_tables import AgreementRow
from services.db.comparing_tables import ComparisonOfferRow
from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ComparisonRow,
    ConversationRow,
    CorrectionRow,
    PersonaRow,
    QuestionRow,
    RaterRow,
    RatingRow,
)
from services.db.retraction_tables import RetractionRow
from services.domain.feedback import UNDO_WITHIN, RaterId

Record = dict[str, Any]

Journal = type[RatingRow] | type[CorrectionRow] | type[CommentRow] | type[ComparisonRow]
SAID: dict[str, tuple[Journal, tuple[str, ...]]] = {
    "ratings": (RatingRow, ("answer_id", "stars", "thumb", "reasons", "created_at")),
    "corrections": (CorrectionRow, ("answer_id", "text", "created_at")),
    "comments": (CommentRow, ("answer_id", "text", "created_at")),
    "comparisons": (ComparisonRow, ("left_answer_id", "right_answer_id", "choice", "created_at")),
}

_OFFERED = ("left_answer_id", "right_answer_id", "offered_at")
_CHOSEN = ("choice", "chosen_at")
_KIND = ("kind", "expected")
_SAID_OF_KNOWN = ("choice", "at", "taken_back_at")


def own_data(session: Session, rater: RaterId, *, at: datetime) -> dict[str, list[Record]]:
    """Questions with their answers, what was said, what was agreed to, oldest first; no tombstones."""
    told: dict[str, list[Record]] = {"questions": list(_questions(session, rater))}
    taken_back = _taken_back(session, rater)
    for name, (table, columns) in SAID.items():
        rows = session.execute(
            select(table.id, *(getattr(table, column) for column in columns))
            .where(table.rater_id == rater, table.tombstone.is_(None), _told(table, at))
            .order_by(table.id)
        )
        told[name] = [
            dict(zip(columns, map(_plain, said), strict=True)) | taken_back.get((name, said_id), {})
            for said_id, *said in rows
        ]
    told["offers"] = list(_offers(session, rater, at=at))
    agreed = session.scalars(select(AgreementRow).where(_agreed_by(rater)).order_by(AgreementRow.id))
    told["agreements"] = [{"wording": row.wording, "agreed_at": _plain(row.agreed_at)} for row in agreed]
    return told


def _offers(session: Session, rater: RaterId, *, at: datetime) -> Iterator[Record]:
    """Which two answers stood before them, and what they chose at first; of known ones only here.

    What kind of pair it was is told once they chose and cannot take that back any more: before, it would tell
    what is expected.
    """
    offers = select(ComparisonOfferRow).filter_by(rater_id=rater).order_by(ComparisonOfferRow.offered_at)
    for row in session.scalars(offers):
        final = row.chosen_at is not None and at - row.chosen_at > UNDO_WITHIN
        columns = (*_OFFERED, *(_CHOSEN if row.choice else ()), *(_KIND if final else ()))
        told = {column: _plain(getattr(row, column)) for column in columns}
        said = [{name: one[name] for name in _SAID_OF_KNOWN if name in one} for one in row.said]
        yield told | ({"said": said} if final and said else {})


def own_counts(session: Session, rater: RaterId, *, at: datetime) -> dict[str, int]:
    """How many of each `own_data` would tell, in one statement."""
    counted = select(func.count()).select_from(QuestionRow).join(ConversationRow)
    asked = counted.where(ConversationRow.rater_id == rater, QuestionRow.tombstone.is_(None))
    said = {
        name: select(func.count()).where(table.rater_id == rater, table.tombstone.is_(None), _told(table, at))
        for name, (table, _) in SAID.items()
    }
    offers = select(func.count()).where(ComparisonOfferRow.rater_id == rater)
    agreed = select(func.count()).where(_agreed_by(rater))
    counts = {"questions": asked, **said, "offers": offers, "agreements": agreed}
    row = session.execute(select(*(count.scalar_subquery().label(name) for name, count in counts.items())))
    return {name: int(count) for name, count in row.one()._mapping.items()}


def _told(journal: Journal, at: datetime) -> ColumnElement[bool]:
    """A choice that can still be taken back is told as an offer alone: else that of a known pair would be
    missed here, which tells what is expected.
    """
    return journal.created_at < at - UNDO_WITHIN if journal is ComparisonRow else true()


def _agreed_by(rater: RaterId) -> ColumnElement[bool]:
    """Of nobody who was erased: these rows stay, as `erasing` says, and nobody takes them along."""
    erased = exists().where(RaterRow.id == rater, RaterRow.erased_at.is_not(None))
    return (AgreementRow.rater_id == rater) & ~erased


def _taken_back(session: Session, rater: RaterId) -> dict[tuple[str, int], Record]:
    """When, by journal and id, of what the rater took back at once."""
    rows = session.scalars(select(RetractionRow).where(RetractionRow.rater_id == rater))
    return {
        (name, said_id): {"taken_back_at": _plain(row.at)}
        for row in rows
        for name, said_id in (
            ("ratings", row.rating_id),
            ("corrections", row.correction_id),
            ("comments", row.comment_id),
            ("comparisons", row.comparison_id),
        )
        if said_id is not None
    }


def _questions(session: Session, rater: RaterId) -> Iterator[Record]:
    asked = session.execute(
        select(
            PersonaRow.slug.label("persona"),
            QuestionRow.text.label("question"),
            QuestionRow.context,
            QuestionRow.domain,
            QuestionRow.audience,
            QuestionRow.asked_at,
            AnswerRow.id.label("answer_id"),
            AnswerRow.text.label("answer"),
        )
        .select_from(QuestionRow)
        .join(ConversationRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(PersonaRow, ConversationRow.persona_id == PersonaRow.id)
        .outerjoin(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .where(ConversationRow.rater_id == rater, QuestionRow.tombstone.is_(None))
        .order_by(QuestionRow.asked_at, QuestionRow.id)
    )
    for row in asked:
        yield {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: object) -> object:
    """As JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, (str, int, list)) or value is None else str(value)
