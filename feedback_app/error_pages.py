"""Every error as a page: one table from the exception tree to a status, one page that keeps what was typed.

A view that can show its form again does so itself, with `status_of`; what reaches the handlers here becomes
the error page, from which the same form can be sent once more.
"""

import logging
import secrets
from http import HTTPStatus

from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from feedback_app.forms import typed_text
from feedback_app.request_log import note, wire_path
from feedback_app.security import LARGEST_FORM_BYTES
from feedback_app.sentences import gettext, isolated, lazy_gettext
from services.errors.lookups import UnknownPersona, UnknownRecord
from services.errors.outages import TooOften
from services.errors.people import NotAllowed, NotTheAsker, ScopeMissing, TokenUnusable, WrongPassword
from services.errors.tree import InvalidInput, NotFound, PersonaLoopError, Refused, Unavailable

logger = logging.getLogger(__name__)

STATUS: dict[type[PersonaLoopError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    NotTheAsker: HTTPStatus.FORBIDDEN,
    NotAllowed: HTTPStatus.FORBIDDEN,
    WrongPassword: HTTPStatus.FORBIDDEN,
    TokenUnusable: HTTPStatus.UNAUTHORIZED,
    ScopeMissing: HTTPStatus.FORBIDDEN,
    Refused: HTTPStatus.CONFLICT,
    TooOften: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    PersonaLoopError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER_S = 5

HTTP_SENTENCES = {
    HTTPStatus.METHOD_NOT_ALLOWED: lazy_gettext(
        "This address only takes forms of this site: begin with the personas."
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: lazy_gettext(
        "What you sent is larger than %(bytes)s bytes or has too many fields: "
        "go back, shorten it and send it again.",
        bytes=f"{LARGEST_FORM_BYTES:,}",
    ),
}
CSRF_SENTENCE = lazy_gettext(
    "This form could not be matched with your visit (its page is old, or cookies are off): "
    "allow cookies for this site and send it again."
)
_NOT_SHOWN = frozenset({"csrf_token", "password", "old", "new"})
_SHOWN = 60  # characters of what was asked for
RETRYABLE = frozenset(
    {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
)


def install(app: Flask) -> None:
    app.register_error_handler(PersonaLoopError, show_known)
    app.register_error_handler(CSRFError, show_csrf)
    app.register_error_handler(HTTPException, show_http)
    app.register_error_handler(Exception, show_unexpected)


def status_of(error: PersonaLoopError) -> HTTPStatus:
    """The status of the nearest class of the tree that the table names."""
    return next(STATUS[ancestor] for ancestor in type(error).__mro__ if ancestor in STATUS)


def refused(page: str, error: PersonaLoopError) -> Response:
    """The page under the error's status, with Retry-After where trying again is the answer."""
    note(refused=type(error).__name__)
    response = make_response(page, status_of(error))
    match error:
        case TooOften():
            response.headers["Retry-After"] = str(error.seconds)
        case Unavailable():
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def show_known(error: PersonaLoopError) -> Response:
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return show_unexpected(error)
    return refused(_error_page(_sentence(error), status, retry=status in RETRYABLE), error)


def show_csrf(error: CSRFError) -> Response:  # noqa: ARG001 - Flask hands the error over
    page = _error_page(str(CSRF_SENTENCE), HTTPStatus.BAD_REQUEST, retry=_came_from_here())
    return make_response(page, HTTPStatus.BAD_REQUEST)


def show_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    sentence = str(HTTP_SENTENCES.get(status, error.description or status.phrase))
    if status == HTTPStatus.NOT_FOUND:
        sentence = gettext(
            "There is no page %(page)s: begin with the personas, or with your history.",
            page=isolated(_shortened(request.path)),
        )
    return make_response(_error_page(sentence, status, retry=False), status)


def show_unexpected(error: Exception) -> Response:
    """A plain page with a number that the log knows; the log has the traceback."""
    error_id = secrets.token_hex(4)
    note(error=error_id)
    logger.error("error %s while answering %s %s", error_id, request.method, wire_path(), exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = gettext(
        "Something went wrong on our side: send it again, and if it stays, tell us this number: %(number)s.",
        number=error_id,
    )
    return make_response(_error_page(sentence, status, retry=True), status)


def _sentence(error: PersonaLoopError) -> str:
    """The error's own, but for what the shell's commands are no way to find here."""
    match error:
        case UnknownPersona():
            return gettext(
                "There is no persona “%(persona)s”: the page of the personas shows them all.",
                persona=isolated(_shortened(error.slug)),
            )
        case UnknownRecord():
            return gettext(
                "There is no %(kind)s %(number)s: choose a persona, and its “How it learns” "
                "leads to all of its runs.",
                kind=isolated(error.kind),
                number=error.record_id,
            )
    return str(error)


def _shortened(given: str) -> str:
    return given if len(given) <= _SHOWN else f"{given[:_SHOWN]}…"


def _error_page(sentence: str, status: HTTPStatus, *, retry: bool) -> str:
    kept = _typed_fields() if retry and request.method == "POST" else {}
    return render_template("error.html", sentence=sentence, status=status, kept=kept)


def _typed_fields() -> dict[str, str]:
    return {name: typed_text(request.form, name) for name in request.form if name not in _NOT_SHOWN}


def _came_from_here() -> bool:
    """Whether this site's own page sent the form; another site must not get its words onto our page."""
    return request.headers.get("Origin") == request.host_url.rstrip("/")
