"""Errors of the API as problem details (RFC 9457), never as pages; a wrong field is named.

The statuses are those of the pages, from one table. Somebody else's answer is no answer to a client.
"""

import json
import logging
import re
import secrets
from http import HTTPStatus

from flask import Response
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException

from feedback_app.error_pages import RETRY_AFTER_S, status_of
from feedback_app.request_log import note, wire_path
from feedback_app.security import LARGEST_FORM_BYTES
from services.errors.inputs import EmptyText, ForbiddenCharacter, TextTooLong
from services.errors.lookups import UnknownAnswer, UnknownPersona, UnknownSource, UnknownVersion
from services.errors.outages import TooOften
from services.errors.people import NotTheAsker, TokenUnusable
from services.errors.tree import PersonaLoopError, Unavailable

logger = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong on our side: send it again, and if it stays, tell us this number"
MEDIA_TYPE = "application/problem+json"
HTTP_SENTENCES = {
    HTTPStatus.NOT_FOUND: "Nothing has this address: /api/v1/openapi.json has every address there is.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        f"The body is larger than {LARGEST_FORM_BYTES:,} bytes: shorten it and send it again."
    ),
}
_KIND = "urn:persona-loop:problem:"
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class WrongField(BaseModel):
    """`field` is its name in the body, with the place in a list, or that of a header or a parameter."""

    field: str
    detail: str


class Problem(BaseModel):
    """What went wrong; `type` is one per kind of error, `detail` a sentence that says what to do."""

    model_config = ConfigDict(title="Problem")

    type: str
    title: str
    status: int
    detail: str
    errors: list[WrongField]


def problem_of(error: PersonaLoopError) -> Problem | None:
    """What a client is told of it; None where it is a fault of ours, which is a number in the log."""
    if isinstance(error, NotTheAsker):
        error = UnknownAnswer("")
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    wrong = []
    if isinstance(error, EmptyText | TextTooLong | ForbiddenCharacter):
        wrong = [WrongField(field=error.field, detail=str(error))]
    return _problem(_WORD.sub(" ", type(error).__name__), status, _sentence(error), wrong)


def of_known(error: PersonaLoopError) -> Response:
    problem = problem_of(error)
    if problem is None:
        return of_unexpected(error)
    response = _response(problem)
    match error:
        case TooOften():
            response.headers["Retry-After"] = str(error.seconds)
        case Unavailable():
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        case TokenUnusable():
            response.headers["WWW-Authenticate"] = "Bearer"
    return response


def of_fields(error: ValidationError) -> Response:
    """What a body, a header or a parameter has that its schema has not."""
    wrong = [
        WrongField(field=_named(one["loc"]), detail=one["msg"].removeprefix("Value error, "))
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    named = ", ".join(dict.fromkeys(one.field for one in wrong))
    detail = f"This is not as its schema says: see {named}, correct it and send it again."
    return _response(_problem("Invalid fields", HTTPStatus.BAD_REQUEST, detail, wrong))


def of_http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    sentence = HTTP_SENTENCES.get(status, error.description or status.phrase)
    response = _response(_problem(status.phrase, status, sentence, []))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def of_unexpected(error: Exception) -> Response:
    """A number that the log knows; the log has the traceback."""
    error_id = secrets.token_hex(4)
    note(error=error_id)
    logger.error("error %s while answering %s", error_id, wire_path(), exc_info=error)
    return _response(
        _problem("Unexpected", HTTPStatus.INTERNAL_SERVER_ERROR, f"{UNEXPECTED}: {error_id}.", [])
    )


def _sentence(error: PersonaLoopError) -> str:
    """The error's own, but for what pages and the shell's commands are no way to find for a client."""
    match error:
        case UnknownPersona():
            return f"There is no persona {error.slug[:60]!r}: GET /api/v1/personas lists those there are."
        case UnknownVersion():
            listed = f"GET /api/v1/personas/{error.slug}/versions"
            return f"Persona {error.slug!r} has no version {error.version}: {listed} lists those it has."
        case UnknownAnswer():
            return "There is no such answer of this end user: GET /api/v1/answers lists those there are."
        case UnknownSource():
            return (
                f"There is no {error.kind} {error.source_id} of this end user: the reply to what was said "
                "has its id, and so has its list."
            )
    return str(error)


def _named(where: tuple[int | str, ...]) -> str:
    """The field, and which item of it; not which of its types was tried."""
    name, *within = where or ("body",)
    return ".".join(str(part) for part in (name, *(part for part in within if isinstance(part, int))))


def _problem(title: str, status: HTTPStatus, detail: str, wrong: list[WrongField]) -> Problem:
    kind = _KIND + title.lower().replace(" ", "-").replace("'", "")
    return Problem(type=kind, title=title.capitalize(), status=status, detail=detail, errors=wrong)


def _response(problem: Problem) -> Response:
    return Response(json.dumps(problem.model_dump()), problem.status, content_type=MEDIA_TYPE)
