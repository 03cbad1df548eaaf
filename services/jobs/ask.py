"""Asking a persona: store the question, let the serving version answer, store the answer as stamped here.

The web app and the CLI call this with the engine and generator they already hold.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.adapters.live import Drawn, who_answers
from services.adapters.promotions import find_persona
from services.db.feedback_tables import AnswerRow, PersonaRow, QuestionRow
from services.db.session import session_scope
from services.db.splits import draw_split, follow_split
from services.domain.answer_formats import AnswerFormat
from services.domain.conversation import PROMPT_VERSION, Question, check_question
from services.domain.feedback import AnswerId, RaterId
from services.errors.tree import InvalidInput
from services.feedback.erasing import hold_rater
from services.feedback.pairing import pair_up
from services.feedback.personas import check_asked
from services.feedback.questions import (
    ALONE,
    Standing,
    answer_to,
    ensure_rater,
    forget_ask,
    record_ask,
)
from services.feedback.routes import answers_for
from services.language_model.asking import Generator
from services.serving.answering import Answered, Listener, answer


def ask(  # noqa: PLR0913  (what a form carries)
    engine: Engine,
    generator: Generator,
    *,
    persona_slug: str,
    rater: RaterId,
    question: Question,
    answer_format: AnswerFormat | None = None,
    submission: UUID | None = None,
    standing: Standing = ALONE,
    listener: Listener | None = None,
    at: datetime,
) -> AnswerId:
    """The id of the stored answer. The question stays stored when no answer could be made just now.

    A question that can never be answered leaves nothing behind: its length in tokens, for one, is known to
    the inference server alone. A rater who is new is stored with the question.

    The same question from the same form (`submission`) again has the answer of the first time, whether that
    is there already or is just being made. Asked for another format than its own, a persona lets the
    one answer that it names for it, and the question is that one's. While a canary is open, the version is
    drawn by the conversation, and the answer keeps how. What is stored is what `listener` was told.

    Raises UnknownPersona, PersonaArchived, NoRoute, NotTheAsker, EmptyText, TextTooLong, ForbiddenCharacter,
    InferenceBusy, InferenceUnavailable, DatabaseUnavailable, and RaterErased where that happened meanwhile.
    """
    question = check_question(question)
    with session_scope(engine) as session:
        row = answers_for(session, check_asked(find_persona(session, persona_slug)), answer_format)
        persona = row.as_persona()
        ensure_rater(session, rater, at=at)
        asked = record_ask(
            session,
            persona=row,
            rater=rater,
            question=question,
            submission=submission,
            standing=standing,
            at=at,
        )
        question_id = asked.question_id
        drawn = who_answers(session, row, rater=rater, conversation=asked.conversation_id)
        known = answer_to(session, question_id)
    if known is not None:
        return known

    seed = int.from_bytes(question_id.bytes[:4], "big") >> 1
    try:
        answered = answer(
            engine,
            generator,
            question,
            persona=persona,
            seed=seed,
            serving=drawn.serving,
            listener=listener,
            at=at,
        )
    except InvalidInput:
        with session_scope(engine) as session:
            forget_ask(session, question_id)
        raise
    with session_scope(engine) as session:
        hold_rater(session, rater)  # or an erasure of theirs might see the question and not the answer
        return _keep(session, row, answered, drawn, question_id=question_id, at=at)


def _keep(
    session: Session,
    persona: PersonaRow,
    answered: Answered,
    drawn: Drawn,
    *,
    question_id: UUID,
    at: datetime,
) -> AnswerId:
    """What was written, unless it was written twice, as nothing is held meanwhile: the first text counts."""
    known = answer_to(session, question_id, lock=True)
    if known is not None:
        return known
    asked = session.get_one(QuestionRow, question_id)
    if asked.follows_id is None:
        draw_split(session, persona=persona, key=asked.split_key, at=at)
    else:
        before = session.get_one(QuestionRow, asked.follows_id).split_key
        follow_split(session, persona=persona, key=asked.split_key, before=before, at=at)
    return _store(session, answered, drawn, question_id=question_id, at=at)


def _store(
    session: Session, answered: Answered, drawn: Drawn, *, question_id: UUID, at: datetime
) -> AnswerId:
    given = answered.answer
    if answered.serving != drawn.serving:
        drawn = Drawn(answered.serving)  # the version drawn was withdrawn, which ended the canary
    stored = AnswerRow(
        question_id=question_id,
        adapter_version_id=answered.serving.version_id,
        served_name=answered.serving.name,
        promotion_id=drawn.promotion_id,
        propensity=drawn.propensity,
        text=given.generated.text,
        prompt_version=PROMPT_VERSION,
        generation=asdict(given.request.settings),
        seed=given.request.seed,
        finish_reason=given.generated.finish_reason,
        latency_ms=answered.latency_ms,
        attempts=given.attempts,
        valid=given.valid,
        accepted_at=at,
        created_at=at + timedelta(milliseconds=answered.latency_ms),
    )
    session.add(stored)
    session.flush()  # the id is what the caller gets
    pair_up(session, AnswerId(stored.id))
    return AnswerId(stored.id)
