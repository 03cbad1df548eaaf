"""The API's own description (OpenAPI 3.1), made of the operations that answer and the models they read."""

import re
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from feedback_app.api.operations import Operation
from feedback_app.api.problems import MEDIA_TYPE, Problem
from feedback_app.streaming import MIMETYPE
from services.domain.scopes import Scope

VERSION = "1.0.0"
_PART = re.compile(r"<(?:(?P<kind>\w+)(?:\(max=(?P<max>\d+)\))?:)?(?P<name>\w+)>")
_SLUG = {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,39}$"}
_TOKEN = "token"  # noqa: S105  (the name of the scheme)
_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_WRITING = (
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
Json = dict[str, Any]
_STREAM: Json = {
    "description": (
        "Server-sent events, where text/event-stream is accepted: `piece` (the next words, a JSON string), "
        "`anew` (what came before is void), and at the end `done` (the answer, as in 201) or `refused` (the "
        "problem, or null)."
    ),
    "content": {MIMETYPE: {"schema": {"type": "string"}}},
}
_Named = dict[Any, Json]  # by a model and whether it is read or shown


def document(operations: list[Operation], *, prefix: str) -> Json:
    """Of these operations; equal operations give equal documents."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for one in operations:
        models.append((one.shows, "serialization"))
        if one.body is not None:
            models.append((one.body, "validation"))
    named, definitions = models_json_schema(
        list(dict.fromkeys(models)), ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, Json] = {}
    for one in operations:
        paths.setdefault(prefix + _PART.sub(r"{\g<name>}", one.path), {})[one.method.lower()] = _described(
            one, named
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "persona-loop", "version": VERSION, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer"}},
        },
    }


_ABOUT = (
    "Ask personas and say what their answers are worth, in the name of your own people. A token has scopes: "
    f"{', '.join(Scope)}. Errors are problem details; lists come in pages, each with the cursor of the next."
)


def _described(one: Operation, named: _Named) -> Json:
    problems = (*_ALWAYS, *(_WRITING if one.body is not None else ()))
    described: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"Takes the scope {one.scope}.",
        "security": [{_TOKEN: []}],
        "parameters": [
            *_in_path(one.path),
            *_parameters(one.headers, "header"),
            *_parameters(one.query, "query"),
        ],
        "responses": {
            str(int(one.status)): {
                "description": one.status.phrase,
                "content": {"application/json": {"schema": named[one.shows, "serialization"]}},
            }
        }
        | ({"200": _STREAM} if one.streams else {})
        | {str(int(status)): _problem(status, named) for status in problems},
    }
    if one.body is not None:
        content = {"application/json": {"schema": named[one.body, "validation"]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _problem(status: HTTPStatus, named: _Named) -> Json:
    told: Json = {
        "description": status.phrase,
        "content": {MEDIA_TYPE: {"schema": named[Problem, "serialization"]}},
    }
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}}
    return told


def _in_path(path: str) -> list[Json]:
    found = []
    for part in _PART.finditer(path):
        match part["kind"]:
            case "uuid":
                schema: Json = {"type": "string", "format": "uuid"}
            case "int":
                schema = {"type": "integer", "minimum": 0, "maximum": int(part["max"])}
            case _:
                schema = _SLUG
        found.append({"name": part["name"], "in": "path", "required": True, "schema": schema})
    return found


def _parameters(model: type[BaseModel] | None, where: str) -> list[Json]:
    if model is None:
        return []
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": where,
            "required": name in required,
            "description": one.pop("description", ""),
            "schema": {key: value for key, value in one.items() if key != "title"},
        }
        for name, one in schema.get("properties", {}).items()
    ]
