"""What every response carries and every form needs, whatever the page."""

import re

import pytest
from flask import Flask, redirect

from feedback_app.security import HEADERS
from tests.feedback_app.conftest import Visitor

ORIGIN = {"Origin": "http://localhost"}


@pytest.fixture
def paths(path: str) -> tuple[str, ...]:
    """One of every kind of page."""
    return ("/", "/p/pirate", path, "/history", "/nowhere")


def post_paths(app: Flask, answer: str) -> list[str]:
    """Of every form; what carries tokens in place of forms is the API's."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    filled = [rule.replace("<slug>", "pirate") for rule in rules if not rule.startswith("/api/")]
    filled = [re.sub("<uuid:[a-z_]+>", answer.rsplit("/", 1)[1], rule) for rule in filled]
    filled = [re.sub("<[^>]+>", "1", rule) for rule in filled]
    assert len(filled) > 12
    return filled


def test_every_form_without_its_csrf_token_is_refused(visitor: Visitor, app: Flask, path: str):
    for target in post_paths(app, path):
        for token in ({}, {"csrf_token": "made up"}):
            sent = visitor.client.post(
                target, data={"question": "Why?", "stars": "4", "text": "Arr!"} | token
            )
            assert sent.status_code == 400
            assert "could not be matched with your visit" in sent.text


def test_a_password_is_never_shown_on_a_page(visitor: Visitor):
    sent = visitor.client.post("/sign-in", data={"name": "Ada", "password": "my secret"}, headers=ORIGIN)
    assert "Ada" in sent.text
    assert "my secret" not in sent.text


def test_a_token_of_another_visit_is_refused(app: Flask, visitor: Visitor):
    stranger = Visitor(app.test_client())
    stranger.get("/p/pirate")
    page = visitor.get("/p/pirate")
    assert stranger.submit(page, "/p/pirate/ask", question="Why?").status_code == 400


def test_a_form_of_this_site_that_lost_its_session_keeps_its_text(visitor: Visitor):
    data = {"question": "Typed for an hour", "context": "", "domain": "", "audience": ""}
    sent = visitor.client.post("/p/pirate/ask", data=data, headers=ORIGIN)
    assert sent.status_code == 400
    assert "Typed for an hour" in sent.text
    again = visitor.submit(sent, "/p/pirate/ask", question="Typed for an hour")
    assert visitor.get(visitor.answer_of(again)).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://elsewhere.example"}, {"Origin": "null"}])
def test_words_of_another_site_never_reach_our_page(visitor: Visitor, headers: dict[str, str]):
    sent = visitor.client.post("/p/pirate/ask", data={"question": "Call this number"}, headers=headers)
    assert sent.status_code == 400
    assert "Call this number" not in sent.text


def test_every_page_carries_the_protective_headers_and_is_not_stored(
    visitor: Visitor, paths: tuple[str, ...]
):
    for path in paths:
        headers = visitor.get(path).headers
        assert HEADERS.items() <= dict(headers).items(), path
        assert headers["Cache-Control"] == "no-store", path


def test_the_policy_allows_no_inline_script_no_frame_and_no_other_site():
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_no_page_needs_an_inline_script_an_inline_style_or_another_site(
    visitor: Visitor, paths: tuple[str, ...]
):
    for path in paths:
        page = visitor.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert not re.search(r"<[^>]+\s(?:style|on\w+)\s*=", page), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), path


def test_assets_come_from_here_and_may_be_kept(visitor: Visitor):
    page = visitor.get("/").text
    assets = re.findall(r'(?:<link[^>]*href|<script[^>]*src)="([^"]+)"', page)
    assert len(assets) == 4
    for asset in assets:
        response = visitor.get(asset)
        assert response.status_code == 200, asset
        assert response.headers["Cache-Control"] != "no-store"
        response.close()


def test_redirects_stay_on_this_site(visitor: Visitor, path: str):
    page, next_page = visitor.get(path), "http://elsewhere.example"
    sent = visitor.submit(page, f"{path}/rate", to=f"{path}/rate?next={next_page}", stars="3", next=next_page)
    assert sent.location == f"{path}#rating"


@pytest.mark.parametrize("address", ["", "//", "///elsewhere.example/p//x", "?next=//elsewhere.example"])
def test_no_address_leads_to_the_host_that_a_request_claims(visitor: Visitor, address: str):
    page = visitor.client.get(address, base_url="http://elsewhere.example")
    assert page.headers.get("Location", "/") in {"/", "/?next=//elsewhere.example"}


@pytest.mark.parametrize(
    "target", ["http://elsewhere.example//evil?a=b#c", "//elsewhere.example//evil?a=b#c"]
)
def test_a_redirect_to_another_host_is_turned_to_this_one(app: Flask, target: str):
    app.add_url_rule("/away", "away", lambda: redirect(target))
    assert app.test_client().get("/away").headers["Location"] == "/evil?a=b#c"


@pytest.mark.parametrize("address", ["/p//pirate", "/p//x", "/history/", "/p/pirate/", "/static//style.css"])
def test_an_address_that_is_nearly_right_leads_nowhere(visitor: Visitor, address: str):
    page = visitor.client.get(address, base_url="http://elsewhere.example")
    assert page.status_code == 404
    assert "Location" not in page.headers
