"""One answer and what its asker says of it: stars, a better answer, a comment; and taking that back at once.

Asking is `personas`, asking on `conversations`.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.agreeing import begin_saying, saying
from feedback_app.backend import backend, now
from feedback_app.error_pages import refused
from feedback_app.forms import FeedbackDraft, RatingForm, UndoForm, read_submission, typed_text
from feedback_app.limits import count_saying
from feedback_app.raters import claimed_rater, require_rater
from feedback_app.request_log import note
from feedback_app.sentences import gettext, ngettext
from feedback_app.thanks import take_thanks, thank
from feedback_app.wording import taken_back_in_words
from services.adapters.promotions import find_persona
from services.db.session import session_scope, single_statement
from services.db.splits import split_of
from services.domain.feedback import AnswerId, RaterId, Said, Thumb
from services.domain.history import as_context
from services.domain.splits import Split, split_key
from services.errors.outages import TooOften
from services.errors.people import NotAgreed, TooLateToUndo
from services.errors.refusals import FormOutdated
from services.errors.tree import InvalidInput, PersonaLoopError
from services.feedback import conversations, offering, peers, queries, rating, recording, retracting
from services.feedback.agreements import has_agreed

blueprint = Blueprint("answers", __name__, url_prefix="/answers/<uuid:answer_id>")


@blueprint.get("")
def page(answer_id: UUID) -> str:
    return render(AnswerId(answer_id), FeedbackDraft())


@blueprint.post("/rate")
def rate(answer_id: UUID) -> AnyResponse:
    answer, at = AnswerId(answer_id), now()
    rater, terms = claimed_rater()
    try:
        begin_saying(rater, at)
        form = RatingForm.read(request.form)
        with single_statement(backend().single) as session:
            rated = rating.rate(
                session,
                answer_id=answer,
                rater=rater,
                stars=form.given,
                reasons=form.reasons,
                submission=form.submission,
                at=at,
                terms=terms,
            )
    except (InvalidInput, FormOutdated, NotAgreed, TooOften) as problem:
        return _refuse(answer, Said.RATING, problem)
    if peers.is_drawn(rated, rater=rater, submission=form.submission):
        with single_statement(backend().single) as session:
            peers.offer_peer(session, rated, rater=rater, at=at)
    note(persona=rated.persona)
    if not rated.own:  # it was offered, and its page is another
        return redirect(url_for("peers.page", answer_id=answer, _anchor="rating"), 303)
    return _saved(answer, Said.RATING, _thanks_for_rating(form.given), said_id=rated.id, at=at)


@blueprint.post("/correct")
def correct(answer_id: UUID) -> AnyResponse:
    return _write(AnswerId(answer_id), Said.CORRECTION, recording.correct)


@blueprint.post("/comment")
def comment(answer_id: UUID) -> AnyResponse:
    return _write(AnswerId(answer_id), Said.COMMENT, recording.comment)


@blueprint.post("/undo")
def undo(answer_id: UUID) -> AnyResponse:
    answer, rater = AnswerId(answer_id), require_rater()
    form = UndoForm.read(request.form)
    try:
        take_back(answer, form, rater)
    except (TooLateToUndo, TooOften) as problem:
        return refused(render(answer, FeedbackDraft(form.said, problem=str(problem))), problem)
    return _saved(answer, form.said, taken_back_in_words(form.said))


def take_back(answer: AnswerId, form: UndoForm, rater: RaterId) -> None:
    """Raises UnknownSource, TooLateToUndo, TooOften."""
    count_saying(rater)
    with session_scope(backend().engine) as session:
        retracting.retract(
            session, answer_id=answer, said=form.said, said_id=form.said_id, rater=rater, at=now()
        )


def _write(answer: AnswerId, said: Said, record: Callable[..., int]) -> AnyResponse:
    """A text that the form holds, written down."""
    rater, at = require_rater(), now()
    try:
        with saying(rater, at) as session:
            submission, text = read_submission(request.form), typed_text(request.form, "text")
            said_id = record(session, answer_id=answer, rater=rater, text=text, submission=submission, at=at)
    except (InvalidInput, FormOutdated, NotAgreed, TooOften) as problem:
        return _refuse(answer, said, problem)
    thanks = (
        _thanks_for_correction(answer, rater)
        if said is Said.CORRECTION
        else gettext("Thank you, your comment is saved.")
    )
    return _saved(answer, said, thanks, said_id=said_id, at=at)


def render(answer_id: AnswerId, draft: FeedbackDraft) -> str:
    """The page of an answer, with what a refused form on it held."""
    with session_scope(backend().engine) as session:
        rater = require_rater()
        answer = queries.answer_page(session, answer_id=answer_id, rater=rater)
        *earlier, _ = conversations.turns_until(session, answer_id)
        personas = queries.list_personas(session)
        peer = peers.open_offer(session, persona=answer.persona, rater=rater) if answer.rating else None
        has_another = offering.another(session, answer_id=answer_id, rater=rater) is not None
        agreed = has_agreed(session, rater)
    note(answer=answer.id, persona=answer.persona, version=answer.version)
    return render_template(
        "answer.html",
        answer=answer,
        earlier=earlier,
        left_out=earlier and as_context([turn.as_turn() for turn in earlier]) != answer.question.context,
        personas=personas,
        draft=draft,
        thanks=take_thanks(answer_id, at=now()),
        peer=peer,
        has_another=has_another,
        agreed=agreed,
    )


def _thanks_for_rating(given: int | Thumb) -> str:
    if given is Thumb.UP:
        return gettext("Thank you, your thumb up is saved.")
    if given is Thumb.DOWN:
        return gettext("Thank you, your thumb down is saved.")
    return ngettext(
        "Thank you, your %(num)d star is saved.", "Thank you, your %(num)d stars are saved.", given
    )


def _thanks_for_correction(answer_id: AnswerId, rater: RaterId) -> str:
    """People may know what their words are for: to learn from, or to judge by."""
    with session_scope(backend().engine) as session:
        answer = queries.answer_page(session, answer_id=answer_id, rater=rater)
        persona = find_persona(session, answer.persona)
        split = split_of(session, persona, split_key(answer.question))
    if split is Split.HOLDOUT:
        return gettext(
            "Thank you, your better answer is saved. New versions are tested on this question: your answer "
            "helps to judge them."
        )
    return gettext("Thank you, your better answer is saved.")


def _refuse(answer_id: AnswerId, said: Said, problem: PersonaLoopError) -> Response:
    return refused(render(answer_id, FeedbackDraft.read(said, request.form, str(problem))), problem)


def _saved(
    answer_id: AnswerId, said: Said, thanks: str, *, said_id: int | None = None, at: datetime | None = None
) -> AnyResponse:
    note(answer=answer_id)
    thank(answer_id, said, thanks, said_id=said_id, at=at)
    return redirect(url_for("answers.page", answer_id=answer_id, _anchor=said.value), 303)
