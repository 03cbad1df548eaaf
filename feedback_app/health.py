"""Two questions of a supervisor: is this process up, and can it do its work? Both answer in JSON."""

from http import HTTPStatus

import httpx
from flask import Blueprint
from sqlalchemy import text

from feedback_app.backend import backend
from services.db.session import session_scope
from services.errors.outages import InferenceUnavailable
from services.errors.tree import Unavailable

blueprint = Blueprint("health", __name__)

PATIENCE_S = 2.0


@blueprint.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "up"}


@blueprint.get("/readyz")
def readyz() -> tuple[dict[str, object], int]:
    """503 names everything that is missing at once."""
    missing: dict[str, str] = {}
    for name, check in (("database", check_database), ("inference", check_inference)):
        try:
            check()
        except Unavailable as error:
            missing[name] = str(error)
    if missing:
        return {"status": "not ready", "missing": missing}, HTTPStatus.SERVICE_UNAVAILABLE
    return {"status": "ready"}, HTTPStatus.OK


def check_database() -> None:
    """DatabaseUnavailable unless a query is answered."""
    with session_scope(backend().engine) as session:
        session.execute(text("SELECT 1"))


def check_inference() -> None:
    """InferenceUnavailable unless each inference server says that it is healthy."""
    for url in backend().settings.inference_endpoints:
        try:
            response = httpx.get(f"{url}/healthz", timeout=PATIENCE_S)
        except httpx.HTTPError as error:
            raise InferenceUnavailable(url) from error
        if response.status_code != HTTPStatus.OK:
            raise InferenceUnavailable(url)
