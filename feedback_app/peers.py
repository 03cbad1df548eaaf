"""Rating somebody else's answer, which the rater was offered: several opinions make a consensus."""

from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.agreeing import saying
from feedback_app.answers import take_back
from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import FeedbackDraft, RatingForm, UndoForm
from feedback_app.raters import require_rater
from feedback_app.request_log import note
from feedback_app.sentences import gettext
from feedback_app.thanks import take_thanks, thank
from feedback_app.wording import taken_back_in_words
from services.db.session import session_scope
from services.domain.feedback import AnswerId
from services.errors.outages import TooOften
from services.errors.people import NotAgreed, TooLateToUndo
from services.errors.refusals import FormOutdated
from services.errors.tree import InvalidInput, PersonaLoopError
from services.feedback import peers, rating
from services.feedback.agreements import has_agreed

NOTHING = FeedbackDraft()

blueprint = Blueprint("peers", __name__, url_prefix="/peers/<uuid:answer_id>")


@blueprint.get("")
def page(answer_id: UUID) -> str:
    return _render(AnswerId(answer_id))


@blueprint.post("/rate")
def rate(answer_id: UUID) -> AnyResponse:
    answer, rater, at = AnswerId(answer_id), require_rater(), now()
    try:
        with saying(rater, at) as session:
            form = RatingForm.read(request.form)
            shown = peers.peer_page(session, answer_id=answer, rater=rater)
            rated = rating.rate(
                session,
                answer_id=answer,
                rater=rater,
                stars=form.given,
                reasons=form.reasons,
                submission=form.submission,
                at=at,
            )
    except (InvalidInput, FormOutdated, NotAgreed, TooOften) as problem:
        return _refuse(answer, problem)
    note(answer=answer, persona=shown.persona)
    thank(answer, "peer", gettext("Thank you, your opinion of it is saved."), said_id=rated.id, at=at)
    return _to_page(answer)


@blueprint.post("/undo")
def undo(answer_id: UUID) -> AnyResponse:
    answer = AnswerId(answer_id)
    form = UndoForm.read(request.form)
    try:
        take_back(answer, form, require_rater())
    except (TooLateToUndo, TooOften) as problem:
        return _refuse(answer, problem)
    thank(answer, "peer", taken_back_in_words(form.said))
    return _to_page(answer)


def _to_page(answer_id: AnswerId) -> AnyResponse:
    return redirect(url_for("peers.page", answer_id=answer_id, _anchor="rating"), 303)


def _render(answer_id: AnswerId, draft: FeedbackDraft = NOTHING) -> str:
    with session_scope(backend().engine) as session:
        rater = require_rater()
        answer = peers.peer_page(session, answer_id=answer_id, rater=rater)
        agreed = has_agreed(session, rater)
    note(answer=answer.id, persona=answer.persona)
    thanks = take_thanks(answer_id, at=now())
    return render_template("peer.html", answer=answer, thanks=thanks, draft=draft, agreed=agreed)


def _refuse(answer_id: AnswerId, problem: PersonaLoopError) -> Response:
    draft = FeedbackDraft.read("peer", request.form, str(problem))
    return refused(_render(answer_id, draft), problem)
