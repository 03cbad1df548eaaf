"""A client of the API: its token, and requests as it sends them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from feedback_app.backend import Backend
from services.accounts import clients
from services.db.session import session_scope
from services.domain.scopes import Scope
from tests.builders import AT


@dataclass
class Api:
    """One client speaking for one end user; a header that is None is left out."""

    browser: FlaskClient
    token: str
    end_user: str = "u1"

    def get(self, path: str, **headers: str | None) -> TestResponse:
        return self.browser.get(f"/api/v1{path}", headers=self._headers(headers))

    def post(self, path: str, body: object, *, key: str | None = "", **headers: str | None) -> TestResponse:
        keyed = {"Idempotency-Key": uuid4().hex if key == "" else key} | headers
        return self.browser.post(f"/api/v1{path}", json=body, headers=self._headers(keyed))

    def ask(self, question: str = "Why is the sea salty?", *, key: str = "") -> dict[str, Any]:
        asked = self.post("/personas/pirate/answers", {"question": question}, key=key)
        assert asked.status_code == 201, asked.text
        return asked.get_json()

    def _headers(self, given: dict[str, str | None]) -> dict[str, str]:
        ours = {"Authorization": f"Bearer {self.token}", "End-User": self.end_user} | given
        return {name: value for name, value in ours.items() if value is not None}


@pytest.fixture
def new_api(app: Flask) -> Callable[..., Api]:
    def make(name: str = "acme", *scopes: Scope, end_user: str = "u1") -> Api:
        with session_scope(app.extensions[Backend.KEY].engine) as session:
            token = clients.create(session, name, scopes or tuple(Scope), actor="test", at=AT)
        return Api(app.test_client(), token, end_user)

    return make


@pytest.fixture
def api(new_api: Callable[..., Api]) -> Api:
    return new_api()
