"""Reading a conversation: the turns that led to an answer, oldest first, and the place it goes on from."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, ConversationRow, PersonaRow, QuestionRow
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, RaterId
from services.domain.history import Turn
from services.domain.personas import PersonaSlug
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotTheAsker

LONGEST = 200  # turns; the oldest beyond them are neither shown nor read

_TURNS = text("""
    WITH RECURSIVE chain AS (
        SELECT q.id, q.follows_id, 1 AS back FROM questions q JOIN answers a ON a.question_id = q.id
        WHERE a.id = :answer
        UNION ALL
        SELECT q.id, q.follows_id, chain.back + 1 FROM questions q JOIN chain ON q.id = chain.follows_id
        WHERE chain.back < :longest
    )
    SELECT a.id AS answer_id, p.slug, p.display_name, q.text AS asked, a.text AS answered,
           CASE WHEN q.follows_id IS NULL THEN q.context ELSE '' END AS context
    FROM chain
    JOIN questions q ON q.id = chain.id
    JOIN answers a ON a.question_id = q.id AND a.tombstone IS NULL
    JOIN conversations c ON c.id = q.conversation_id
    JOIN personas p ON p.id = c.persona_id
    ORDER BY chain.back DESC
""")


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """`context` is the text that the asker gave with the first question."""

    answer_id: AnswerId
    persona: PersonaSlug
    persona_name: str
    asked: str
    answered: str
    context: str

    def as_turn(self) -> Turn:
        return Turn(f"{self.context}\n\n{self.asked}" if self.context else self.asked, self.answered)


@dataclass(frozen=True, slots=True)
class Place:
    """An answered question in its conversation; `follows` is the question whose answer it goes on from."""

    question_id: UUID
    conversation_id: UUID
    persona: PersonaSlug
    split_key: str
    question: Question
    follows: UUID | None


def place_of(session: Session, answer_id: AnswerId, *, rater: RaterId) -> Place:
    """Where an answer stands; raises UnknownAnswer, or NotTheAsker when another rater asked for it."""
    row = session.execute(
        select(QuestionRow, ConversationRow.rater_id, PersonaRow.slug)
        .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
        .join(ConversationRow, ConversationRow.id == QuestionRow.conversation_id)
        .join(PersonaRow, PersonaRow.id == ConversationRow.persona_id)
        .where(AnswerRow.id == answer_id, AnswerRow.tombstone.is_(None))
    ).one_or_none()
    if row is None:
        raise UnknownAnswer(answer_id)
    if row.rater_id != rater:
        raise NotTheAsker
    return _place(row.QuestionRow, PersonaSlug(row.slug))


def turns_until(session: Session, answer_id: AnswerId) -> list[SpokenTurn]:
    """The turns that led to an answer, oldest first; the last one is its own."""
    rows = session.execute(_TURNS, {"answer": answer_id, "longest": LONGEST})
    return [
        SpokenTurn(
            answer_id=AnswerId(row.answer_id),
            persona=PersonaSlug(row.slug),
            persona_name=row.display_name,
            asked=row.asked,
            answered=row.answered,
            context=row.context,
        )
        for row in rows
    ]


def _place(question: QuestionRow, persona: PersonaSlug) -> Place:
    return Place(
        question_id=question.id,
        conversation_id=question.conversation_id,
        persona=persona,
        split_key=question.split_key,
        question=Question(
            text=question.text, context=question.context, domain=question.domain, audience=question.audience
        ),
        follows=question.follows_id,
    )
