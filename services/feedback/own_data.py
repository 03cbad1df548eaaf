"""All that is kept of one rater, as they may read it and take it with them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
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
    RatingRow,
)
from services.db.retraction_tables import RetractionRow
from services.domain.feedback import RaterId

Record = dict[str, Any]

Journal = type[RatingRow] | type[CorrectionRow] | type[CommentRow] | type[ComparisonRow]
SAID: dict[str, tuple[Journal, tuple[str, ...]]] = {
    "ratings": (RatingRow, ("answer_id", "stars", "thumb", "reasons", "created_at")),
    "corrections": (CorrectionRow, ("answer_id", "text", "created_at")),
    "comments": (CommentRow, ("answer_id", "text", "created_at")),
    "comparisons": (ComparisonRow, ("left_answer_id", "right_answer_id", "choice", "created_at")),
}


def own_data(session: Session, rater: RaterId) -> dict[str, list[Record]]:
    """Questions with their answers, what was said, what was agreed to, oldest first; no tombstones."""
    told: dict[str, list[Record]] = {"questions": list(_questions(session, rater))}
    taken_back = _taken_back(session, rater)
    for name, (table, columns) in SAID.items():
        rows = session.execute(
            select(table.id, table)
            .where(table.rater_id == rater, table.tombstone.is_(None))
            .order_by(table.id)
        )
        told[name] = [
            {column: _plain(getattr(row, column)) for column in columns} | taken_back.get((name, said_id), {})
            for said_id, row in rows
        ]
    told["offers"] = list(_offers(session, rater))
    agreed = session.scalars(select(AgreementRow).filter_by(rater_id=rater).order_by(AgreementRow.id))
    told["agreements"] = [{"wording": row.wording, "agreed_at": _plain(row.agreed_at)} for row in agreed]
    return told


def _offers(session: Session, rater: RaterId) -> Iterator[Record]:
    """Which two answers stood before them, and what they chose at first; of known ones only here."""
    offers = select(ComparisonOfferRow).filter_by(rater_id=rater).order_by(ComparisonOfferRow.offered_at)
    columns = ("left_answer_id", "right_answer_id", "kind", "expected", "offered_at", "choice", "chosen_at")
    for row in session.scalars(offers):
        yield {column: _plain(getattr(row, column)) for column in columns}


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
        )
        if said_id is not None
    }


def _questions(session: Session, rater: RaterId) -> Iterator[Record]:
    asked = session.execute(
        select(QuestionRow, AnswerRow, PersonaRow.slug)
        .join(ConversationRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(PersonaRow, ConversationRow.persona_id == PersonaRow.id)
        .outerjoin(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .where(ConversationRow.rater_id == rater, QuestionRow.tombstone.is_(None))
        .order_by(QuestionRow.asked_at, QuestionRow.id)
    )
    for question, answer, slug in asked:
        yield {
            "persona": slug,
            "question": question.text,
            "context": question.context,
            "domain": question.domain,
            "audience": question.audience,
            "asked_at": _plain(question.asked_at),
            "answer_id": str(answer.id) if answer else None,
            "answer": answer.text if answer else None,
        }


def _plain(value: object) -> object:
    """As JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, (str, int, list)) or value is None else str(value)
