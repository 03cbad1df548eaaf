"""One request of a client: who it is of, in whose name, and what it carries. Cookies are not looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType

from feedback_app.api.fields import Keyed
from feedback_app.backend import backend, now
from feedback_app.limits import count_call
from feedback_app.request_log import note
from services.accounts.clients import Client, client_of
from services.accounts.end_users import find_end_user
from services.accounts.keyed_requests import hold
from services.db.client_tables import KeyedRequestRow
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.domain.scopes import Scope
from services.errors.people import ScopeMissing, TokenUnusable

Model = TypeVar("Model", bound=BaseModel)

NOBODY = RaterId(UUID(int=0))  # no row of ours has this id
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """`rater` is NOBODY for an end user whom the client did not name before, and where it names none."""

    client: Client
    rater: RaterId
    at: datetime


def begin(scope: Scope) -> Call:
    """Raises TokenUnusable, ScopeMissing, TooOften."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise TokenUnusable
    with session_scope(backend().engine) as session:
        client = client_of(session, token.strip())
        rater = find_end_user(session, client.id, request.headers.get("End-User", ""))
    note(client=client.name)
    if scope not in client.scopes:
        raise ScopeMissing(scope, held=tuple(sorted(client.scopes)))
    count_call(client.id)
    return Call(client, rater or NOBODY, now())


def read_headers(model: type[Model]) -> Model:
    """Raises ValidationError, as the other two do."""
    names = [field.alias or "" for field in model.model_fields.values()]
    return model.model_validate({name: request.headers[name] for name in names if name in request.headers})


def read_query(model: type[Model]) -> Model:
    given = request.args.to_dict(flat=False)
    return model.model_validate(
        {name: found[0] if len(found) == 1 else found for name, found in given.items()}
    )


def read_body(model: type[Model]) -> Model:
    if request.mimetype != JSON:
        raise UnsupportedMediaType("Send the body as application/json.")
    return model.model_validate_json(request.get_data())


def holding(
    call: Call, headers: Keyed, body: BaseModel, *, rater: RaterId
) -> Callable[[Session], KeyedRequestRow]:
    """What gives the row of this request's key, as `hold` does, also when the request is over."""
    asked = f"{request.method} {request.path}\n{headers.end_user}\n{body.model_dump_json()}"
    return partial(hold, client_id=call.client.id, key=headers.key, rater=rater, asked=asked, at=call.at)


def as_json(text: str, status: int) -> Response:
    return Response(text, status, content_type=JSON)
