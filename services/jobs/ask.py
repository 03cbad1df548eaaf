"""Asking a persona: store the question, let the serving version answer, store the answer as stamped here.

The web app and the CLI call this with the engine and generator they already hold.
"""

from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona, who_serves
from services.db.feedback_tables import AnswerRow, ConversationRow, PersonaRow
from services.db.session import session_scope
from services.domain.conversation import PROMPT_VERSION, Question, build_messages, check_question
from services.domain.feedback import AnswerId, ConversationId, RaterId
from services.errors import NotTheAsker
from services.feedback.recording import record_question, start_conversation
from services.language_model.asking import BASE_NAME, GenerationRequest, Generator
from services.serving.answering import answer


def ask(
    engine: Engine,
    generator: Generator,
    *,
    persona_slug: str,
    rater: RaterId,
    question: Question,
    conversation_id: ConversationId | None = None,
    at: datetime,
) -> AnswerId:
    """The id of the stored answer. The question stays stored even when no answer could be made.

    Raises UnknownPersona, NotTheAsker, EmptyText, TextTooLong, InferenceBusy, InferenceUnavailable,
    DatabaseUnavailable.
    """
    question = check_question(question)
    with session_scope(engine) as session:
        row = find_persona(session, persona_slug)
        persona, serving = row.as_persona(), who_serves(session, row)
        conversation = (
            start_conversation(session, persona=row, rater=rater, at=at)
            if conversation_id is None
            else _own_conversation(session, conversation_id, persona=row, rater=rater)
        )
        asked = record_question(session, persona=row, conversation=conversation, question=question, at=at)
        session.flush()  # the question's id is the source of the seed
        question_id = asked.id

    seed = int.from_bytes(question_id.bytes[:4], "big") >> 1
    request = GenerationRequest(
        model=BASE_NAME,
        messages=build_messages(persona.system_template, question),
        settings=persona.generation,
        seed=seed,
    )
    answered = answer(engine, generator, request, persona=persona.slug, serving=serving, at=at)

    with session_scope(engine) as session:
        stored = AnswerRow(
            question_id=question_id,
            adapter_version_id=answered.serving.version_id,
            served_name=answered.serving.name,
            text=answered.generated.text,
            prompt_version=PROMPT_VERSION,
            generation=asdict(persona.generation),
            seed=seed,
            finish_reason=answered.generated.finish_reason,
            latency_ms=answered.latency_ms,
            accepted_at=at,
            created_at=at + timedelta(milliseconds=answered.latency_ms),
        )
        session.add(stored)
        session.flush()  # the id is what the caller gets
        return AnswerId(stored.id)


def _own_conversation(
    session: Session, conversation_id: ConversationId, *, persona: PersonaRow, rater: RaterId
) -> ConversationRow:
    conversation = session.get(ConversationRow, conversation_id)
    if conversation is None or conversation.rater_id != rater or conversation.persona_id != persona.id:
        raise NotTheAsker
    return conversation
