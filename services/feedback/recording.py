"""Writing down what people say of an answer. Journals are append-only; a form sent twice counts once.

A rating is written by `rating`, what they ask by `questions`; reading pages is `queries`.
"""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ComparisonRow,
    ConversationRow,
    CorrectionRow,
    PeerOfferRow,
    PersonaRow,
    QuestionRow,
)
from services.db.retractions import stands
from services.domain.conversation import check_said
from services.domain.feedback import (
    COMMENT_LIMIT,
    CORRECTION_LIMIT,
    AnswerId,
    Choice,
    RaterId,
    Said,
)
from services.errors.inputs import (
    AnswerNotInFormat,
    AnswersNotComparable,
    CorrectionUnchanged,
)
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotTheAsker
from services.errors.refusals import FormOutdated


def correct(
    session: Session, *, answer_id: AnswerId, rater: RaterId, text: str, submission: UUID, at: datetime
) -> int:
    """Append a better answer, and return its id; one that equals the answer is no correction and is refused.

    It is in the format that the persona is asked for, unless its answers are not validated either.
    Raises EmptyText, TextTooLong, CorrectionUnchanged, AnswerNotInFormat, UnknownAnswer, NotTheAsker, and
    FormOutdated as `rate` does.
    """
    checked = check_said("better answer", text, limit=CORRECTION_LIMIT)
    answer = _own_answer(session, answer_id, rater)
    _check_format(session, answer_id, checked)
    if checked.split() == answer.split():
        raise CorrectionUnchanged
    once = said_once(submission, answer_id, rater, checked)
    return _append_text(
        session, CorrectionRow, answer_id=answer_id, rater=rater, text=checked, submission=once, at=at
    )


def compare(
    session: Session,
    *,
    left: AnswerId,
    right: AnswerId,
    rater: RaterId,
    choice: Choice,
    submission: UUID,
    at: datetime,
) -> int:
    """Append a choice between two answers to one prompt, as they stood on the page, and return its id.

    Raises AnswersNotComparable unless both answer one prompt, UnknownAnswer, NotTheAsker.
    """
    for answer_id in (left, right):
        _answer_to_rate(session, answer_id, rater)
    asked = select(QuestionRow.prompt_key).join(AnswerRow).where(AnswerRow.id.in_((left, right)))
    if left == right or len(set(session.scalars(asked))) != 1:
        raise AnswersNotComparable
    return append_choice(
        session, left=left, right=right, rater=rater, choice=choice, submission=submission, at=at
    )


def append_choice(
    session: Session,
    *,
    left: AnswerId,
    right: AnswerId,
    rater: RaterId,
    choice: Choice,
    submission: UUID,
    at: datetime,
) -> int:
    """The id of what stands in the journal; whether these two may be compared was looked at before."""
    once = said_once(submission, left, rater, f"{right} {choice}")
    added: int | None = session.scalar(
        insert(ComparisonRow)
        .values(
            left_answer_id=left,
            right_answer_id=right,
            rater_id=rater,
            choice=choice,
            submission=once,
            created_at=at,
        )
        .on_conflict_do_nothing(index_elements=["submission"])
        .returning(ComparisonRow.id)
    )
    if added is not None:
        return added
    return session.scalars(select(ComparisonRow.id).where(ComparisonRow.submission == once)).one()


def comment(
    session: Session, *, answer_id: AnswerId, rater: RaterId, text: str, submission: UUID, at: datetime
) -> int:
    """Append a comment, and return its id.

    Raises EmptyText, TextTooLong, UnknownAnswer, NotTheAsker, and FormOutdated as `rate` does.
    """
    checked = check_said("comment", text, limit=COMMENT_LIMIT)
    _own_answer(session, answer_id, rater)
    once = said_once(submission, answer_id, rater, checked)
    return _append_text(
        session, CommentRow, answer_id=answer_id, rater=rater, text=checked, submission=once, at=at
    )


def _append_text(
    session: Session,
    journal: type[CorrectionRow | CommentRow],
    *,
    answer_id: AnswerId,
    rater: RaterId,
    text: str,
    submission: UUID,
    at: datetime,
) -> int:
    """The id of what stands in the journal.

    A form sent twice is thanked for twice, but not once something newer stands in its place, or it was taken
    back: FormOutdated.
    """
    said = Said.CORRECTION if journal is CorrectionRow else Said.COMMENT
    added: int | None = session.scalar(
        insert(journal)
        .values(answer_id=answer_id, rater_id=rater, text=text, submission=submission, created_at=at)
        .on_conflict_do_nothing(index_elements=["submission"])
        .returning(journal.id)
    )
    if added is not None:
        return added
    newest = session.execute(
        select(journal.id, journal.text)
        .where(journal.answer_id == answer_id, journal.rater_id == rater, stands(said, journal.id))
        .order_by(journal.id.desc())
        .limit(1)
    ).one_or_none()
    if newest is None or newest.text != text:
        raise FormOutdated
    return int(newest.id)


def said_once(submission: UUID, answer_id: AnswerId, rater: RaterId, said: str) -> UUID:
    """What may stand in a journal once: this, said of this answer, by this form.

    A form that is gone back to and changed says something new, though it carries the same submission.
    """
    return uuid5(submission, f"{answer_id} {rater} {said}")


def _check_format(session: Session, answer_id: AnswerId, better: str) -> None:
    """AnswerNotInFormat for a text that the persona would not be let off with itself."""
    persona, question = session.execute(
        select(PersonaRow, QuestionRow.text)
        .join(ConversationRow, ConversationRow.persona_id == PersonaRow.id)
        .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .where(AnswerRow.id == answer_id)
    ).one()
    rules = persona.as_persona().answers
    if rules.validation and (problem := rules.problem(better, question)):
        raise AnswerNotInFormat(persona.slug, rules.instruction, problem)


def _answer_to_rate(session: Session, answer_id: AnswerId, rater: RaterId) -> None:
    """UnknownAnswer, or NotTheAsker unless the rater asked for it or was offered it."""
    if session.get(PeerOfferRow, (rater, answer_id)) is None:
        _own_answer(session, answer_id, rater)


def _own_answer(session: Session, answer_id: AnswerId, rater: RaterId) -> str:
    """The text of an answer that this rater asked for."""
    found = session.execute(
        select(ConversationRow.rater_id, AnswerRow.text)
        .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .where(AnswerRow.id == answer_id, AnswerRow.tombstone.is_(None))
    ).one_or_none()
    if found is None:
        raise UnknownAnswer(answer_id)
    if found.rater_id != rater:
        raise NotTheAsker
    return str(found.text)
