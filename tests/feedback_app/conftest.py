"""The app under test: real PostgreSQL, a fake Generator, and a browser that follows the forms it is shown."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from honcho.environ import parse_procfile
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from feedback_app import create_app
from feedback_app.backend import Backend
from services.accounts import invitations, managing
from services.db.feedback_tables import AnswerRow, QuestionRow, RaterRow
from services.db.session import session_scope
from services.domain.roles import Role
from services.settings import ROOT, Settings
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator

THREADS = 4  # of the served app
PASSWORD = "correct horse battery"
PATIENCE_S = 30

# And the box of a rater's first form, which people tick.
_HIDDEN = re.compile(r'<input type="(?:hidden" name="|checkbox" name="(?=agreed"))(\w+)" value="([^"]*)"')


@dataclass
class Visitor:
    """One person's browser without JavaScript: keeps cookies and sends what the shown form carries."""

    client: FlaskClient
    seen: list[TestResponse] = field(default_factory=list)

    def get(self, path: str) -> TestResponse:
        self.seen.append(shown(self.client.get(path)))
        return self.seen[-1]

    def submit(self, page: TestResponse, action: str, *, to: str = "", **fields: str) -> TestResponse:
        """Sends the form of `page` whose action is `action`, with `fields` filled in; `to` misdirects it."""
        return shown(self.client.post(to or action, data=hidden_fields(page, action) | fields))

    def ask(
        self, persona: str = "pirate", question: str = "Why is the sea salty?", **fields: str
    ) -> TestResponse:
        page = self.get(f"/p/{persona}")
        return self.submit(page, f"/p/{persona}/ask", question=question, **fields)

    def sign_in(self, role: Role = Role.PROMOTER, *, name: str = "Ada", to: str = "") -> TestResponse:
        """Under an account that is made here where there is none of this name."""
        with session_scope(self.client.application.extensions[Backend.KEY].engine) as session:
            if not any(account.name == name for account in managing.accounts(session)):
                token = invitations.invite(session, role, actor="test", at=AT)
                invitations.accept(session, token, name=name, password=PASSWORD, rater=None, at=AT)
        page = self.client.get("/sign-in", query_string={"to": to})
        return self.submit(page, "/sign-in", name=name, password=PASSWORD)

    def answer_of(self, asked: TestResponse) -> str:
        """The path of the answer page that an ask led to."""
        assert asked.status_code == 303, asked.text
        return asked.location


def shown(response: TestResponse) -> TestResponse:
    """A page is shown as one, and not as the text that it is written in."""
    if not response.is_streamed:
        assert response.data.startswith(b"<!doctype html") == (response.mimetype == "text/html"), (
            response.request.path
        )
    return response


def hidden_fields(page: TestResponse, action: str) -> dict[str, str]:
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert form is not None, f"the page has no form for {action}"
    return {name: unescape(value) for name, value in _HIDDEN.findall(form[0])}


def answer_id(path: str) -> UUID:
    return UUID(path.rsplit("/", 1)[1])


def stored(engine: Engine, answer_path: str) -> tuple[AnswerRow, QuestionRow]:
    with session_scope(engine) as session:
        answer = session.get_one(AnswerRow, answer_id(answer_path))
        return answer, answer.question


def count(engine: Engine, table: type[AnswerRow | QuestionRow | RaterRow]) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


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


@contextmanager
def served(settings: Settings, database_url: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The app by the command that serves it for people: its address, and gunicorn's main process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    ours = {"FEEDBACK_HOST": "127.0.0.1", "FEEDBACK_PORT": port}
    ours |= {"FEEDBACK_WORKERS": "1", "FEEDBACK_THREADS": str(THREADS)}
    there = {"VAR_DIR": str(settings.var_dir), "DATABASE_URL": database_url}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    line = parse_procfile((ROOT / "Procfile").read_text()).processes["feedback"]
    command = ["sh", "-c", f"exec {line}"]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | ours | there | {"PATH": path})
    try:
        _wait_until_up(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def address(settings: Settings, database_url: str) -> Iterator[str]:
    with served(settings, database_url) as (where, _):
        yield where


def _wait_until_up(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            httpx.get(f"{address}/healthz").raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "gunicorn did not start"
            time.sleep(0.2)
        else:
            return


@pytest.fixture
def path(visitor: Visitor) -> str:
    """The page of an answer that the visitor asked for."""
    return visitor.answer_of(visitor.ask())
