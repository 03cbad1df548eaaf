"""Going on from an answer: asking on with what was said before, or the same question once more.

Asking itself is `ask`.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine

from services.db.session import session_scope
from services.domain.conversation import CONTEXT_LIMIT, QUESTION_LIMIT, Question, check_said
from services.domain.feedback import AnswerId, RaterId
from services.domain.history import as_context, newest, without_oldest
from services.domain.personas import PersonaSlug
from services.errors.inputs import TextTooLong
from services.errors.tree import InvalidInput
from services.feedback.conversations import place_of, turns_until
from services.feedback.questions import Standing
from services.jobs.ask import ask
from services.language_model.asking import Generator
from services.serving.answering import Listener

_HALF = 0.5


def ask_on(  # noqa: PLR0913  (what a form carries)
    engine: Engine,
    generator: Generator,
    *,
    answer_id: AnswerId,
    rater: RaterId,
    text: str,
    submission: UUID | None = None,
    listener: Listener | None = None,
    at: datetime,
) -> AnswerId:
    """The answer to a question that goes on from this answer, as `ask` gives it.

    What was said before is its context, without the oldest turns where the context has no room for all of it:
    how long that is in tokens the inference server alone knows. Raises UnknownAnswer, NotTheAsker and what
    `ask` raises.
    """
    checked = check_said("question", text, limit=QUESTION_LIMIT)
    with session_scope(engine) as session:
        place = place_of(session, answer_id, rater=rater)
        turns = tuple(turn.as_turn() for turn in turns_until(session, answer_id))
    turns = newest(turns, limit=CONTEXT_LIMIT)
    while True:
        question = Question(
            checked, place.question.domain, place.question.audience, context=as_context(turns)
        )
        try:
            return ask(
                engine,
                generator,
                persona_slug=place.persona,
                rater=rater,
                question=question,
                submission=submission,
                standing=Standing(place.conversation_id, follows=place.question_id),
                listener=listener,
                at=at,
            )
        except InvalidInput as problem:
            if not turns:
                raise
            turns = without_oldest(turns, share=_share_that_fits(problem))


def ask_again(  # noqa: PLR0913
    engine: Engine,
    generator: Generator,
    *,
    answer_id: AnswerId,
    rater: RaterId,
    persona_slug: PersonaSlug | None = None,
    submission: UUID | None = None,
    listener: Listener | None = None,
    at: datetime,
) -> AnswerId:
    """Another answer to the question of this one, by the same persona or by another; raises as `ask_on`."""
    with session_scope(engine) as session:
        place = place_of(session, answer_id, rater=rater)
    persona = persona_slug or place.persona
    # A conversation is with one persona.
    conversation = place.conversation_id if persona == place.persona else None
    return ask(
        engine,
        generator,
        persona_slug=persona,
        rater=rater,
        question=place.question,
        submission=submission,
        standing=Standing(conversation, follows=place.follows),
        listener=listener,
        at=at,
    )


def _share_that_fits(problem: InvalidInput) -> float:
    """Of the turns before a question; a half where the server does not say by how much they are too long."""
    if isinstance(problem, TextTooLong):
        return problem.limit / problem.length
    return _HALF
