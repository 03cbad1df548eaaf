"""The app under test: real PostgreSQL, a fake Generator, and a browser that follows the forms it is shown."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from feedback_app import create_app
from services.db.session import session_scope
from services.settings import Settings
from tests.builders import add_persona
from tests.fakes import FakeGenerator

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@dataclass
class Visitor:
    """One person's browser without JavaScript: keeps cookies and sends what the shown form carries."""

    client: FlaskClient
    seen: list[TestResponse] = field(default_factory=list)

    def get(self, path: str) -> TestResponse:
        self.seen.append(self.client.get(path))
        return self.seen[-1]

    def submit(self, page: TestResponse, action: str, *, to: str = "", **fields: str) -> TestResponse:
        """Sends the form of `page` whose action is `action`, with `fields` filled in; `to` misdirects it."""
        return self.client.post(to or action, data=hidden_fields(page, action) | fields)

    def ask(
        self, persona: str = "pirate", question: str = "Why is the sea salty?", **fields: str
    ) -> TestResponse:
        page = self.get(f"/p/{persona}")
        return self.submit(page, f"/p/{persona}/ask", question=question, **fields)

    def answer_of(self, asked: TestResponse) -> str:
        """The path of the answer page that an ask led to."""
        assert asked.status_code == 303, asked.text
        return asked.location


def hidden_fields(page: TestResponse, action: str) -> dict[str, str]:
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert form is not None, f"the page has no form for {action}"
    return {name: unescape(value) for name, value in _HIDDEN.findall(form[0])}


def answer_id(path: str) -> UUID:
    return UUID(path.rsplit("/", 1)[1])


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator()


@pytest.fixture
def app(settings: Settings, clean: Engine, generator: FakeGenerator) -> Flask:
    with session_scope(clean) as session:
        add_persona(session, slug="pirate", display_name="Pirate")
    return create_app(settings, engine=clean, generator=generator)


@pytest.fixture
def new_visitor(app: Flask) -> Callable[[], Visitor]:
    return lambda: Visitor(app.test_client())


@pytest.fixture
def visitor(new_visitor: Callable[[], Visitor]) -> Visitor:
    return new_visitor()
