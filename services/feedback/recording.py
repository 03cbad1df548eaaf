"""Writing down what people say of an answer. Journals are append-only; a form sent twice counts once.

What they ask is `questions`; reading pages is `queries`.
"""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ConversationRow,
    CorrectionRow,
    CurrentRatingRow,
    QuestionRow,
    RatingRow,
)
from services.domain.conversation import check_text
from services.domain.feedback import COMMENT_LIMIT, CORRECTION_LIMIT, STARS, AnswerId, RaterId
from services.errors.inputs import CorrectionUnchanged, StarsOutOfRange
from services.errors.lookups import UnknownAnswer
from services.errors.refusals import FormOutdated, NotTheAsker


def rate(
    session: Session, *, answer_id: AnswerId, rater: RaterId, stars: int, submission: UUID, at: datetime
) -> None:
    """Append a rating and make it the current one of this rater for this answer.

    The same stars by the same submission again change nothing. Raises StarsOutOfRange, UnknownAnswer,
    NotTheAsker, and FormOutdated when this form said so before and the rater said something else since.
    """
    if stars not in STARS:
        raise StarsOutOfRange(stars)
    _own_answer(session, answer_id, rater)
    once = _said_once(submission, answer_id, rater, str(stars))
    rating_id = session.scalar(
        insert(RatingRow)
        .values(answer_id=answer_id, rater_id=rater, stars=stars, submission=once, created_at=at)
        .on_conflict_do_nothing(index_elements=["submission"])
        .returning(RatingRow.id)
    )
    if rating_id is None:
        _check_still_said(stars, _current_stars(session, answer_id, rater))
        return
    current = insert(CurrentRatingRow).values(answer_id=answer_id, rater_id=rater, rating_id=rating_id)
    session.execute(
        current.on_conflict_do_update(
            index_elements=["answer_id", "rater_id"],
            set_={"rating_id": rating_id},
            where=CurrentRatingRow.rating_id < rating_id,
        )
    )


def correct(
    session: Session, *, answer_id: AnswerId, rater: RaterId, text: str, submission: UUID, at: datetime
) -> None:
    """Append a better answer; one that equals the answer is no correction and is refused.

    Raises EmptyText, TextTooLong, CorrectionUnchanged, UnknownAnswer, NotTheAsker, and
    FormOutdated as `rate` does.
    """
    checked = check_text("better answer", text, limit=CORRECTION_LIMIT)
    answer = _own_answer(session, answer_id, rater)
    if checked.split() == answer.split():
        raise CorrectionUnchanged
    once = _said_once(submission, answer_id, rater, checked)
    _append_text(
        session, CorrectionRow, answer_id=answer_id, rater=rater, text=checked, submission=once, at=at
    )


def comment(
    session: Session, *, answer_id: AnswerId, rater: RaterId, text: str, submission: UUID, at: datetime
) -> None:
    """Append a comment; raises EmptyText, TextTooLong, UnknownAnswer, NotTheAsker; FormOutdated as `rate`."""
    checked = check_text("comment", text, limit=COMMENT_LIMIT)
    _own_answer(session, answer_id, rater)
    once = _said_once(submission, answer_id, rater, checked)
    _append_text(session, CommentRow, answer_id=answer_id, rater=rater, text=checked, submission=once, at=at)


def _append_text(
    session: Session,
    journal: type[CorrectionRow | CommentRow],
    *,
    answer_id: AnswerId,
    rater: RaterId,
    text: str,
    submission: UUID,
    at: datetime,
) -> None:
    added = session.execute(
        insert(journal)
        .values(answer_id=answer_id, rater_id=rater, text=text, submission=submission, created_at=at)
        .on_conflict_do_nothing(index_elements=["submission"])
        .returning(journal.id)
    ).one_or_none()
    if added is None:
        newest = (
            select(journal.text)
            .where(journal.answer_id == answer_id, journal.rater_id == rater)
            .order_by(journal.id.desc())
            .limit(1)
        )
        _check_still_said(text, session.scalar(newest))


def _current_stars(session: Session, answer_id: AnswerId, rater: RaterId) -> int | None:
    return session.scalar(
        select(RatingRow.stars)
        .join(CurrentRatingRow, CurrentRatingRow.rating_id == RatingRow.id)
        .where(CurrentRatingRow.answer_id == answer_id, CurrentRatingRow.rater_id == rater)
    )


def _check_still_said(said: object, newest: object) -> None:
    """A form sent twice is thanked for twice, but not once something newer stands in its place."""
    if newest != said:
        raise FormOutdated


def _said_once(submission: UUID, answer_id: AnswerId, rater: RaterId, said: str) -> UUID:
    """What may stand in a journal once: this, said of this answer, by this form.

    A form that is gone back to and changed says something new, though it carries the same submission.
    """
    return uuid5(submission, f"{answer_id} {rater} {said}")


def _own_answer(session: Session, answer_id: AnswerId, rater: RaterId) -> str:
    """The text of an answer that this rater asked for."""
    found = session.execute(
        select(ConversationRow.rater_id, AnswerRow.text)
        .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .where(AnswerRow.id == answer_id)
    ).one_or_none()
    if found is None:
        raise UnknownAnswer(answer_id)
    if found.rater_id != rater:
        raise NotTheAsker
    return str(found.text)
