"""What the API can be asked for: one registry, which routes requests and is what its document is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from feedback_app.api.calls import NOBODY, as_json, begin, holding, read_body, read_headers, read_query
from feedback_app.api.fields import Acting, Keyed, NoQuery
from feedback_app.api.pages import PageQuery, Place
from feedback_app.backend import backend
from feedback_app.limits import count_said
from services.db.session import session_scope
from services.domain.scopes import Scope
from services.errors.lookups import UnknownAnswer

View = Callable[..., BaseModel]

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@dataclass(frozen=True, slots=True)
class Operation:
    """`headers`, `query` and `body` are models of what a request carries beside its path."""

    method: str
    path: str  # as Flask writes it
    name: str
    summary: str
    scope: Scope
    shows: type[BaseModel]
    status: HTTPStatus = HTTPStatus.OK
    headers: type[BaseModel] | None = None
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    streams: bool = False  # to whom accepts server-sent events


OPERATIONS: list[Operation] = []


def register(operation: Operation, answer: Callable[..., Response]) -> None:
    OPERATIONS.append(operation)
    blueprint.add_url_rule(operation.path, operation.name, answer, methods=[operation.method])


def reading(
    path: str, *, scope: Scope, shows: type[BaseModel], headers: type[Acting] | None = None
) -> Callable[[View], View]:
    """A GET that is answered by `view(session, call, **path)`."""

    def registering(view: View) -> View:
        def answer(**where: Any) -> Response:  # noqa: ANN401  (what a path names)
            call = begin(scope)
            _read(operation)
            with session_scope(backend().engine) as session:
                return as_json(view(session, call, **where).model_dump_json(), HTTPStatus.OK)

        operation = Operation("GET", path, view.__name__, _summary(view), scope, shows, headers=headers)
        register(operation, answer)
        return view

    return registering


def listing(
    path: str, *, scope: Scope, shows: type[BaseModel], headers: type[Acting] | None = None
) -> Callable[[View], View]:
    """A GET of one page, which `view(session, call, place, **path)` gives."""

    def registering(view: View) -> View:
        def answer(**where: Any) -> Response:  # noqa: ANN401  (what a path names)
            call = begin(scope)
            if headers is not None:
                read_headers(headers)
            query = read_query(PageQuery)
            place = Place.read(query, list_of=f"{call.client.id} {call.rater} {request.path}")
            with session_scope(backend().engine) as session:
                return as_json(view(session, call, place, **where).model_dump_json(), HTTPStatus.OK)

        operation = Operation(
            "GET", path, view.__name__, _summary(view), scope, shows, headers=headers, query=PageQuery
        )
        register(operation, answer)
        return view

    return registering


def saying(path: str, *, body: type[BaseModel], shows: type[BaseModel]) -> Callable[[View], View]:
    """A POST of what an end user says, by `view(session, call, body, submission, **path)`: once for each key.

    Nobody whom the client did not name before has anything to say of an answer: they were given none.
    """

    def registering(view: View) -> View:
        def answer(**where: Any) -> Response:  # noqa: ANN401  (what a path names)
            call = begin(Scope.FEEDBACK)
            headers, _ = read_headers(Keyed), read_query(NoQuery)
            said = read_body(body)
            if call.rater == NOBODY:
                raise UnknownAnswer("")
            count_said(call.rater)
            with session_scope(backend().engine) as session:
                row = holding(call, headers, said, rater=call.rater)(session)
                if row.answer is None:
                    row.answer = view(session, call, said, row.submission, **where).model_dump_json()
                return as_json(row.answer, HTTPStatus.CREATED)

        operation = Operation(
            "POST",
            path,
            view.__name__,
            _summary(view),
            Scope.FEEDBACK,
            shows,
            status=HTTPStatus.CREATED,
            headers=Keyed,
            body=body,
        )
        register(operation, answer)
        return view

    return registering


def _read(operation: Operation) -> None:
    if operation.headers is not None:
        read_headers(operation.headers)
    read_query(operation.query)


def _summary(view: View) -> str:
    return (view.__doc__ or "").partition("\n")[0]
