"""Who may ask the API what: tokens, scopes, limits; cookies open nothing, and every refusal is a problem."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from feedback_app import create_app
from feedback_app.backend import Backend
from services.accounts import clients
from services.db.session import session_scope
from services.domain.roles import Role
from services.domain.scopes import Scope
from services.errors.training import NothingToLearn
from services.settings import Settings
from tests.builders import AT
from tests.fakes import FakeGenerator
from tests.feedback_app.api.conftest import Api
from tests.feedback_app.conftest import Visitor


def problem(answered, status: int) -> dict[str, Any]:
    assert (answered.status_code, answered.content_type) == (status, "application/problem+json")
    told = answered.get_json()
    assert set(told) == {"type", "title", "status", "detail", "errors"}
    assert told["status"] == status
    return told


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic YTpi", "Bearer \xff"])
def test_without_a_token_nothing_is_told(api: Api, header: str | None):
    refused = api.get("/personas", Authorization=header)
    assert problem(refused, 401)["type"] == "urn:persona-loop:problem:token-unusable"
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_no_cookie_opens_anything_or_leaves_here(visitor: Visitor, new_api: Callable[..., Api]):
    visitor.sign_in(Role.ADMIN)
    path = visitor.answer_of(visitor.ask())
    assert visitor.get(f"/api/v1{path}").status_code == 401
    api = new_api()
    api.browser = visitor.client
    assert api.get(path).status_code == 404, "it is the visitor's, and no end user's"
    assert "Set-Cookie" not in api.get("/personas").headers


def test_no_form_token_is_asked_for_where_there_is_no_cookie(api: Api):
    assert api.ask()["text"] == "A short answer."


def test_a_revoked_token_is_none(app: Flask, api: Api):
    with session_scope(app.extensions[Backend.KEY].engine) as session:
        clients.revoke(session, "acme", actor="test", at=AT)
    problem(api.get("/personas"), 401)


def test_a_scope_that_is_missing_is_named(new_api: Callable[..., Api]):
    api = new_api("reader", Scope.PERSONAS)
    assert api.get("/personas").status_code == 200
    told = problem(api.post("/personas/pirate/answers", {"question": "Why?"}), 403)
    assert "the scope answers and the token has personas" in told["detail"]


def test_a_client_and_each_of_its_end_users_have_limits(
    settings: Settings, clean: Engine, api: Api, generator: FakeGenerator
):
    with session_scope(clean) as session:
        session.execute(text("DELETE FROM rate_counters"))
    limits = {"asks_per_rater": "2/minute", "calls_per_client": "4/minute", "asks_per_address": "1/minute"}
    limited = create_app(settings.model_copy(update=limits), engine=clean, generator=generator)
    api.browser = limited.test_client()
    api.browser.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    asks = [api.post("/personas/pirate/answers", {"question": "Why?"}) for _ in range(3)]
    assert [asked.status_code for asked in asks] == [201, 201, 429]
    assert 0 < int(asks[2].headers["Retry-After"]) <= 60
    api.end_user = "u2"
    assert api.post("/personas/pirate/answers", {"question": "Why?"}).status_code == 201
    problem(api.get("/personas"), 429)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "", 404),
        ("DELETE", "/answers", 405),
        ("PUT", "/personas/pirate", 405),
    ],
)
def test_what_is_not_there_is_no_page(api: Api, method: str, path: str, status: int):
    answered = api.browser.open(f"/api/v1{path}", method=method)
    problem(answered, status)
    assert ("Allow" in answered.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/answers/{id}", "/answers/{id}/ratings", "/answers/{id}/corrections"])
def test_an_id_that_can_be_none_is_told_of_as_one_that_is_not_there(api: Api, path: str):
    unknown, unfit = (problem(api.get(path.format(id=one)), 404) for one in (uuid4(), "no-id"))
    assert unfit == unknown
    assert unfit["type"] == "urn:persona-loop:problem:unknown-answer"
    nowhere = problem(api.get(f"/answers/{uuid4()}/nothing"), 404)
    assert "openapi.json has every address" in nowhere["detail"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/personas/nobody", "GET /api/v1/personas lists"),
        ("/personas/pirate/versions/9", "GET /api/v1/personas/pirate/versions lists"),
        ("/answers/no-id", "GET /api/v1/answers lists"),
    ],
)
def test_what_is_not_there_is_told_in_what_a_client_can_do(api: Api, path: str, told: str):
    assert told in problem(api.get(path), 404)["detail"]


def test_what_was_never_said_is_told_without_a_command(api: Api):
    taken = api.post(f"/answers/{api.ask()['id']}/retractions", {"said": "rating", "id": 7})
    detail = problem(taken, 404)["detail"]
    assert detail.startswith("There is no rating 7 of this end user: ")
    assert "persona-loop" not in detail


def test_a_page_of_people_that_is_not_there_is_still_a_page(api: Api):
    assert api.browser.get("/api/v1x").content_type.startswith("text/html")


@pytest.mark.parametrize("failure", [RuntimeError("secret detail"), NothingToLearn("secret detail")])
def test_the_unexpected_is_a_number_and_no_detail(api: Api, generator: FakeGenerator, failure: Exception):
    generator.problem = failure
    told = problem(api.post("/personas/pirate/answers", {"question": "Why?"}), 500)
    assert "secret" not in str(told)


def test_a_body_that_is_none_is_refused(api: Api):
    path, headers = "/api/v1/personas/pirate/answers", {"Authorization": f"Bearer {api.token}"}
    headers |= {"End-User": "u1", "Idempotency-Key": "k"}
    problem(api.browser.post(path, data="question=Why", headers=headers), 415)
    large = api.browser.post(path, data="x" * 1_000_001, content_type="application/json", headers=headers)
    assert "larger than 1,000,000 bytes" in problem(large, 413)["detail"]
    told = problem(api.browser.post(path, data="{", content_type="application/json", headers=headers), 400)
    assert told["errors"][0]["field"] == "body"
