"""From a form that asks to the page of its answer: counted, and not too many at once.

What is asked is said by who calls. A page's script is told the answer while it is written (`streaming`) and
may stop it.
"""

from contextlib import ExitStack
from functools import partial
from typing import Protocol, cast
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask.globals import request_ctx
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Response as AnyResponse

from feedback_app.backend import backend, now
from feedback_app.forms import read_submission
from feedback_app.limits import count_ask
from feedback_app.raters import require_rater
from feedback_app.request_log import note
from feedback_app.streaming import Asking, Event, Telling, is_wanted, stream
from services.db.session import session_scope
from services.domain.feedback import AnswerId, RaterId
from services.domain.personas import PersonaSlug
from services.errors.outages import (
    InferenceBusy,
    InferenceUnavailable,
    TooManyAsks,
    TooManyOwnAsks,
    TooOften,
)
from services.errors.tree import InvalidInput
from services.feedback.stopping import stop_writing
from services.serving.answering import Listener

# For which a form is shown again with the sentence beside it.
REFUSALS = (InvalidInput, InferenceBusy, InferenceUnavailable, TooManyAsks, TooManyOwnAsks, TooOften)

blueprint = Blueprint("asking", __name__)


class AskingForAnswer(Asking, Protocol):
    def __call__(self, *, listener: Listener | None) -> AnswerId: ...


def lead_to_answer(
    ask: AskingForAnswer, *, rater: RaterId, persona: PersonaSlug, submission: UUID
) -> AnyResponse:
    """Raises REFUSALS and what `ask` raises."""
    count_ask(rater, persona)
    with ExitStack() as under_way:
        under_way.enter_context(backend().asks.one_more(rater))
        if is_wanted():
            telling = Telling(backend().engine, submission, since=now())
            pages = cast("MapAdapter", request_ctx.url_adapter)  # a request has one
            return stream(telling, ask, under_way.pop_all(), partial(_where_to_go, pages))
        answer_id = ask(listener=None)
    note(answer=answer_id)
    return redirect(url_for("answers.page", answer_id=answer_id), 303)


def _where_to_go(pages: MapAdapter, event: Event) -> Event:
    """The page of the answer, or of what was erased; a form sent once more, without events, says why not."""
    match event:
        case ("done", answer_id):
            return "done", pages.build("answers.page", {"answer_id": answer_id})
        case ("erased", _):
            return "erased", pages.build("own_data.page", {"deleted": "yes"})
    return "refused", ""


@blueprint.post("/stop")
def stop() -> Response:
    """Enough of what is being written in answer to this form."""
    rater, submission = require_rater(), read_submission(request.form)
    with session_scope(backend().engine) as session:
        stop_writing(session, submission=submission, rater=rater, at=now())
    return Response(status=204)
