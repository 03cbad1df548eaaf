"""Going on from an answer: asking on, and asking the same once more, of the same persona or of another."""

from functools import partial
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from feedback_app import answers
from feedback_app.asking import REFUSALS, lead_to_answer
from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import FeedbackDraft, read_submission, typed_text
from feedback_app.raters import require_rater
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.domain.feedback import AnswerId, RaterId
from services.domain.personas import PersonaSlug
from services.errors.tree import PersonaLoopError
from services.feedback.conversations import place_of
from services.feedback.personas import check_asked
from services.jobs import conversation

blueprint = Blueprint("conversations", __name__, url_prefix="/answers/<uuid:answer_id>")


@blueprint.post("/ask")
def ask_on(answer_id: UUID) -> Response:
    answer, rater = AnswerId(answer_id), require_rater()
    persona = _persona_of(answer, rater)
    try:
        submission = read_submission(request.form)
        ask = partial(
            conversation.ask_on,
            backend().engine,
            backend().generator,
            answer_id=answer,
            rater=rater,
            text=typed_text(request.form, "question"),
            submission=submission,
            at=now(),
        )
        return lead_to_answer(ask, rater=rater, persona=persona, submission=submission)
    except REFUSALS as problem:
        return _refuse(answer, "ask", problem)


@blueprint.post("/again")
def ask_again(answer_id: UUID) -> Response:
    answer, rater = AnswerId(answer_id), require_rater()
    persona = _persona_asked(request.form.get("persona", "")) or _persona_of(answer, rater)
    try:
        submission = read_submission(request.form)
        ask = partial(
            conversation.ask_again,
            backend().engine,
            backend().generator,
            answer_id=answer,
            rater=rater,
            persona_slug=persona,
            submission=submission,
            at=now(),
        )
        return lead_to_answer(ask, rater=rater, persona=persona, submission=submission)
    except REFUSALS as problem:
        return _refuse(answer, "again", problem)


def _persona_asked(slug: str) -> PersonaSlug | None:
    """Raises UnknownPersona, and what `check_asked` does."""
    if not slug:
        return None
    with session_scope(backend().engine) as session:
        return PersonaSlug(check_asked(find_persona(session, slug)).slug)


def _persona_of(answer_id: AnswerId, rater: RaterId) -> PersonaSlug:
    with session_scope(backend().engine) as session:
        return place_of(session, answer_id, rater=rater).persona


def _refuse(answer_id: AnswerId, section: str, problem: PersonaLoopError) -> Response:
    draft = FeedbackDraft(section=section, text=typed_text(request.form, "question"), problem=str(problem))
    return refused(answers.render(answer_id, draft), problem)
