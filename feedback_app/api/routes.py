"""The API as the app has it: under /api/v1, its document among it, every error of it as a problem.

A token is sent by no browser on its own, so no form of ours has to be told from one of another site; and no
cookie opens anything here.
"""

import re
from uuid import UUID

from flask import Flask, Response, current_app, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from feedback_app import error_pages
from feedback_app.api import (
    answers,
    comments,
    comparisons,
    corrections,
    personas,
    problems,
    ratings,
    retractions,
    versions,
)
from feedback_app.api.document import document
from feedback_app.api.operations import OPERATIONS, blueprint
from services.errors.lookups import UnknownAnswer
from services.errors.tree import PersonaLoopError

RESOURCES = (
    personas,
    versions,
    answers,
    ratings,
    corrections,
    comments,
    retractions,
    comparisons,
)  # importing them registers them


def install(app: Flask) -> None:
    """After the pages: what is no address of theirs may be one of the API's."""
    app.extensions["csrf"].exempt(blueprint)
    app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, show_http)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return jsonify(document(OPERATIONS, prefix=blueprint.url_prefix or ""))


@blueprint.errorhandler(PersonaLoopError)
def show_known(error: PersonaLoopError) -> Response:
    return problems.of_known(error)


@blueprint.errorhandler(ValidationError)
def show_fields(error: ValidationError) -> Response:
    return problems.of_fields(error)


@blueprint.errorhandler(Exception)
def show_unexpected(error: Exception) -> Response:
    return problems.of_unexpected(error)


@blueprint.errorhandler(HTTPException)
def show_http(error: HTTPException) -> AnyResponse:
    """Also of an address or a method that nothing here has: no blueprint answers for those."""
    if f"{request.path}/".startswith(f"{blueprint.url_prefix}/"):
        return problems.of_known(UnknownAnswer("")) if _names_no_answer() else problems.of_http(error)
    return error_pages.show_http(error)


def _names_no_answer() -> bool:
    """Whether the address would be one, but for an id of an answer that is none."""
    unfit = re.match(rf"{blueprint.url_prefix}/answers/([^/]+)", request.path)
    addresses = current_app.create_url_adapter(request)
    if unfit is None or addresses is None:
        return False
    return addresses.test(request.path.replace(unfit[1], str(UUID(int=0)), 1))
