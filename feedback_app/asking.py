"""From a form that asks to the page of its answer: counted, and not too many at once.

What is asked is said by who calls.
"""

from collections.abc import Callable

from flask import redirect, url_for
from werkzeug.wrappers import Response

from feedback_app.backend import backend
from feedback_app.limits import count_ask
from feedback_app.request_log import note
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

# For which a form is shown again with the sentence beside it.
REFUSALS = (InvalidInput, InferenceBusy, InferenceUnavailable, TooManyAsks, TooManyOwnAsks, TooOften)


def lead_to_answer(ask: Callable[[], AnswerId], *, rater: RaterId, persona: PersonaSlug) -> Response:
    """Raises REFUSALS and what `ask` raises."""
    count_ask(rater, persona)
    with backend().asks.one_more(rater):
        answer_id = ask()
    note(answer=answer_id)
    return redirect(url_for("answers.page", answer_id=answer_id), 303)
