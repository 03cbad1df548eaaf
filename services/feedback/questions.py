"""Writing down what people ask, and who asks: a question, the conversation it is in, its rater.

What they say of an answer is `recording`'s; generating one is `services.serving.answering`'s.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, false, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.db.account_tables import AccountRow
from services.db.agreement_tables import AgreementRow
from services.db.comparing_tables import ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, ConversationRow, PersonaRow, QuestionRow, RaterRow
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, RaterId
from services.domain.splits import prompt_key, split_key
from services.errors.people import NotTheAsker
from services.errors.refusals import RaterErased


@dataclass(frozen=True, slots=True)
class Standing:
    """In which conversation a question stands, None for one of its own, and on whose answer it goes on."""

    conversation_id: UUID | None = None
    follows: UUID | None = None


ALONE = Standing()


@dataclass(frozen=True, slots=True)
class RecordedAsk:
    question_id: UUID
    conversation_id: UUID


def new_rater(session: Session, *, at: datetime) -> RaterId:
    rater = RaterRow(created_at=at)
    session.add(rater)
    session.flush()  # the id goes into the rater's cookie
    return RaterId(rater.id)


def ensure_rater(session: Session, rater: RaterId, *, at: datetime) -> None:
    """Store a rater whose id was chosen before; one that is there already stays as it is.

    It stays until the end of this transaction too: `forget_ask` waits. Raises RaterErased.
    """
    arriving = insert(RaterRow).values(id=rater, created_at=at)
    session.execute(
        # An update of no row, for its lock.
        arriving.on_conflict_do_update(
            index_elements=["id"], set_={"created_at": arriving.excluded.created_at}, where=false()
        )
    )
    if session.scalar(select(RaterRow.erased_at).where(RaterRow.id == rater)) is not None:
        raise RaterErased


def start_conversation(
    session: Session, *, persona: PersonaRow, rater: RaterId, at: datetime
) -> ConversationRow:
    conversation = ConversationRow(persona_id=persona.id, rater_id=rater, created_at=at)
    session.add(conversation)
    return conversation


def record_question(
    session: Session,
    *,
    conversation: ConversationRow,
    question: Question,
    submission: UUID | None = None,
    follows: UUID | None = None,
    at: datetime,
) -> QuestionRow:
    """Store a checked question; its prompt's split is drawn when it is answered."""
    row = QuestionRow(
        conversation=conversation,
        text=question.text,
        context=question.context,
        domain=question.domain,
        audience=question.audience,
        prompt_key=prompt_key(question),
        split_key=split_key(question),
        submission=submission,
        follows_id=follows,
        asked_at=at,
    )
    session.add(row)
    return row


def record_ask(
    session: Session,
    *,
    persona: PersonaRow,
    rater: RaterId,
    question: Question,
    submission: UUID | None,
    standing: Standing = ALONE,
    at: datetime,
) -> RecordedAsk:
    """A question where it stands, and its conversation; the same form again gives the same two.

    Waits for a twin that is just being stored. Raises NotTheAsker for the form of someone else.
    """
    try:
        with session.begin_nested():
            conversation = (
                session.get_one(ConversationRow, standing.conversation_id)
                if standing.conversation_id
                else start_conversation(session, persona=persona, rater=rater, at=at)
            )
            asked = record_question(
                session,
                conversation=conversation,
                question=question,
                submission=submission,
                follows=standing.follows,
                at=at,
            )
            session.flush()  # here a twin is met, on the unique key of the submission
            return RecordedAsk(asked.id, conversation.id)
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
        return RecordedAsk(twin.id, twin.conversation_id)


def forget_ask(session: Session, question_id: UUID) -> None:
    """Leave nothing of a question that was refused: with it goes a conversation or a rater that has no other.

    One that was answered after all stays, as does a rater with an account, and one who was erased.
    """
    conversation = session.scalar(
        select(ConversationRow).join(QuestionRow).where(QuestionRow.id == question_id)
    )
    if conversation is None:
        return
    # Whoever asks in the same rater's name at this moment comes before or after, never in between.
    session.execute(select(RaterRow.id).where(RaterRow.id == conversation.rater_id).with_for_update())
    for table, row_id, holds in (
        (QuestionRow, question_id, exists().where(AnswerRow.question_id == question_id)),
        (
            ConversationRow,
            conversation.id,
            exists().where(QuestionRow.conversation_id == conversation.id),
        ),
        (RaterRow, conversation.rater_id, _is_somebody(conversation.rater_id)),
    ):
        session.execute(delete(table).where(table.id == row_id, ~holds))


def _is_somebody(rater: UUID) -> ColumnElement[bool]:
    """Who asked something else, agreed, was asked to compare, may sign in, or was erased: that stays."""
    return or_(
        RaterRow.erased_at.is_not(None),
        exists().where(AgreementRow.rater_id == rater),
        exists().where(ConversationRow.rater_id == rater),
        exists().where(ComparisonOfferRow.rater_id == rater),
        exists().where(AccountRow.rater_id == rater),
    )


def answer_to(session: Session, question_id: UUID, *, lock: bool = False) -> AnswerId | None:
    """The answer that a question has by now; `lock`: nobody else stores one before this transaction ends."""
    if lock:
        session.execute(
            select(QuestionRow.id).where(QuestionRow.id == question_id).with_for_update(key_share=True)
        )
    found = session.scalar(select(AnswerRow.id).where(AnswerRow.question_id == question_id))
    return AnswerId(found) if found else None
