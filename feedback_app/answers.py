"""One answer and what its asker says of it: stars, a better answer, a comment.

Asking is `personas`, asking on `conversations`.
"""

from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import FeedbackDraft, RatingForm, read_submission, typed_text
from feedback_app.limits import count_saying
from feedback_app.raters import require_rater
from feedback_app.request_log import note
from feedback_app.thanks import take_thanks, thank
from feedback_app.wording import rating_in_words
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.db.splits import split_of
from services.domain.feedback import AnswerId, RaterId, Thumb
from services.domain.history import as_context
from services.domain.splits import Split, split_key
from services.errors.outages import TooOften
from services.errors.refusals import FormOutdated
from services.errors.tree import InvalidInput, PersonaLoopError
from services.feedback import conversations, peers, queries, recording

blueprint = Blueprint("answers", __name__, url_prefix="/answers/<uuid:answer_id>")


@blueprint.get("")
def page(answer_id: UUID) -> str:
    return render(AnswerId(answer_id), FeedbackDraft())


@blueprint.post("/rate")
def rate(answer_id: UUID) -> AnyResponse:
    answer, rater = AnswerId(answer_id), require_rater()
    try:
        count_saying(rater)
        form = RatingForm.read(request.form)
        with session_scope(backend().engine) as session:
            recording.rate(
                session,
                answer_id=answer,
                rater=rater,
                stars=form.given,
                reasons=form.reasons,
                submission=form.submission,
                at=now(),
            )
            shown = queries.answer_page(session, answer_id=answer, rater=rater)
            persona = find_persona(session, shown.persona)
            peers.offer_peer(session, persona=persona, rater=rater, submission=form.submission, at=now())
    except (InvalidInput, FormOutdated, TooOften) as problem:
        return _refuse(answer, "rating", problem)
    verb = "is" if isinstance(form.given, Thumb) or form.given == 1 else "are"
    return _saved(answer, "rating", f"Thank you, your {rating_in_words(form.given)} {verb} saved.")


@blueprint.post("/correct")
def correct(answer_id: UUID) -> AnyResponse:
    answer, rater = AnswerId(answer_id), require_rater()
    try:
        count_saying(rater)
        submission = read_submission(request.form)
        text = typed_text(request.form, "text")
        with session_scope(backend().engine) as session:
            recording.correct(
                session, answer_id=answer, rater=rater, text=text, submission=submission, at=now()
            )
    except (InvalidInput, FormOutdated, TooOften) as problem:
        return _refuse(answer, "correction", problem)
    return _saved(answer, "correction", _thanks_for_correction(answer, rater))


@blueprint.post("/comment")
def comment(answer_id: UUID) -> AnyResponse:
    answer, rater = AnswerId(answer_id), require_rater()
    try:
        count_saying(rater)
        submission = read_submission(request.form)
        text = typed_text(request.form, "text")
        with session_scope(backend().engine) as session:
            recording.comment(
                session, answer_id=answer, rater=rater, text=text, submission=submission, at=now()
            )
    except (InvalidInput, FormOutdated, TooOften) as problem:
        return _refuse(answer, "comment", problem)
    return _saved(answer, "comment", "Thank you, your comment is saved.")


def render(answer_id: AnswerId, draft: FeedbackDraft) -> str:
    """The page of an answer, with what a refused form on it held."""
    with session_scope(backend().engine) as session:
        rater = require_rater()
        answer = queries.answer_page(session, answer_id=answer_id, rater=rater)
        *earlier, _ = conversations.turns_until(session, answer_id)
        personas = queries.list_personas(session)
        peer = peers.open_offer(session, persona=answer.persona, rater=rater) if answer.rating else None
    note(answer=answer.id, persona=answer.persona, version=answer.version)
    return render_template(
        "answer.html",
        answer=answer,
        earlier=earlier,
        left_out=earlier and as_context([turn.as_turn() for turn in earlier]) != answer.question.context,
        personas=personas,
        draft=draft,
        thanks=take_thanks(answer_id),
        peer=peer,
    )


def _thanks_for_correction(answer_id: AnswerId, rater: RaterId) -> str:
    """People may know what their words are for: to learn from, or to judge by."""
    with session_scope(backend().engine) as session:
        answer = queries.answer_page(session, answer_id=answer_id, rater=rater)
        persona = find_persona(session, answer.persona)
        split = split_of(session, persona, split_key(answer.question))
    if split is Split.HOLDOUT:
        return (
            "Thank you, your better answer is saved. This question is kept for judging: yours helps to judge."
        )
    return "Thank you, your better answer is saved."


def _refuse(answer_id: AnswerId, section: str, problem: PersonaLoopError) -> Response:
    draft = FeedbackDraft(section=section, text=typed_text(request.form, "text"), problem=str(problem))
    return refused(render(answer_id, draft), problem)


def _saved(answer_id: AnswerId, section: str, thanks: str) -> AnyResponse:
    note(answer=answer_id)
    thank(answer_id, section, thanks)
    return redirect(url_for("answers.page", answer_id=answer_id, _anchor=section), 303)
