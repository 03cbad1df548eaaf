"""Writing down what people ask and say. Journals are append-only; a form sent twice counts once.

Generating an answer is `services.serving.answering`; reading pages is `queries`.
"""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ConversationRow,
    CorrectionRow,
    CurrentRatingRow,
    PersonaRow,
    QuestionRow,
    RaterRow,
    RatingRow,
)
from services.db.splits import draw_split
from services.domain.conversation import Question, check_text
from services.domain.feedback import COMMENT_LIMIT, CORRECTION_LIMIT, STARS, AnswerId, RaterId
from services.domain.splits import prompt_key, split_key
from services.errors.inputs import CorrectionUnchanged, StarsOutOfRange
from services.errors.lookups import UnknownAnswer
from services.errors.refusals import NotTheAsker


def new_rater(session: Session, *, at: datetime) -> RaterId:
    rater = RaterRow(created_at=at)
    session.add(rater)
    session.flush()  # the id goes into the rater's cookie
    return RaterId(rater.id)


def ensure_rater(session: Session, rater: RaterId, *, at: datetime) -> None:
    """Store a rater whose id was chosen before; one that is there already stays as it is."""
    session.execute(insert(RaterRow).values(id=rater, created_at=at).on_conflict_do_nothing())


def start_conversation(
    session: Session, *, persona: PersonaRow, rater: RaterId, at: datetime
) -> ConversationRow:
    conversation = ConversationRow(persona_id=persona.id, rater_id=rater, created_at=at)
    session.add(conversation)
    return conversation


def record_question(
    session: Session,
    *,
    persona: PersonaRow,
    conversation: ConversationRow,
    question: Question,
    submission: UUID | None = None,
    at: datetime,
) -> QuestionRow:
    """Store a checked question, and draw its prompt's split if it was never seen before."""
    row = QuestionRow(
        conversation=conversation,
        text=question.text,
        context=question.context,
        domain=question.domain,
        audience=question.audience,
        prompt_key=prompt_key(question),
        split_key=split_key(question),
        submission=submission,
        asked_at=at,
    )
    session.add(row)
    draw_split(session, persona=persona, key=row.split_key, at=at)
    return row


def record_ask(
    session: Session,
    *,
    persona: PersonaRow,
    rater: RaterId,
    question: Question,
    submission: UUID | None,
    at: datetime,
) -> UUID:
    """The id of a question in a conversation of its own; the same form again gives the same id.

    Waits for a twin that is just being stored. Raises NotTheAsker for the form of someone else.
    """
    try:
        with session.begin_nested():
            conversation = start_conversation(session, persona=persona, rater=rater, at=at)
            asked = record_question(
                session,
                persona=persona,
                conversation=conversation,
                question=question,
                submission=submission,
                at=at,
            )
            session.flush()  # here a twin is met, on the unique key of the submission
            return asked.id
    except IntegrityError:
        twin = session.scalar(
            select(QuestionRow).where(
                QuestionRow.submission == submission, QuestionRow.prompt_key == prompt_key(question)
            )
        )
        if twin is None:
            raise
        if (twin.conversation.rater_id, twin.conversation.persona_id) != (rater, persona.id):
            raise NotTheAsker from None
        return twin.id


def answer_to(session: Session, question_id: UUID, *, lock: bool = False) -> AnswerId | None:
    """The answer that a question has by now; `lock`: nobody else stores one before this transaction ends."""
    if lock:
        session.execute(
            select(QuestionRow.id).where(QuestionRow.id == question_id).with_for_update(key_share=True)
        )
    found = session.scalar(select(AnswerRow.id).where(AnswerRow.question_id == question_id))
    return AnswerId(found) if found else None


def rate(
    session: Session, *, answer_id: AnswerId, rater: RaterId, stars: int, submission: UUID, at: datetime
) -> None:
    """Append a rating and make it the current one of this rater for this answer.

    The same stars by the same submission again change nothing. Raises StarsOutOfRange, UnknownAnswer,
    NotTheAsker.
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

    Raises EmptyText, TextTooLong, CorrectionUnchanged, UnknownAnswer, NotTheAsker.
    """
    checked = check_text("better answer", text, limit=CORRECTION_LIMIT)
    answer = _own_answer(session, answer_id, rater)
    if checked.split() == answer.split():
        raise CorrectionUnchanged
    once = _said_once(submission, answer_id, rater, checked)
    session.execute(
        insert(CorrectionRow)
        .values(answer_id=answer_id, rater_id=rater, text=checked, submission=once, created_at=at)
        .on_conflict_do_nothing(index_elements=["submission"])
    )


def comment(
    session: Session, *, answer_id: AnswerId, rater: RaterId, text: str, submission: UUID, at: datetime
) -> None:
    """Append a comment; raises EmptyText, TextTooLong, UnknownAnswer, NotTheAsker."""
    checked = check_text("comment", text, limit=COMMENT_LIMIT)
    _own_answer(session, answer_id, rater)
    once = _said_once(submission, answer_id, rater, checked)
    session.execute(
        insert(CommentRow)
        .values(answer_id=answer_id, rater_id=rater, text=checked, submission=once, created_at=at)
        .on_conflict_do_nothing(index_elements=["submission"])
    )


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
