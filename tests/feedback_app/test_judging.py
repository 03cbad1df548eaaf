"""Judging blind in the browser: curators only, nothing on the page tells whose answer is whose."""

import re
from html import unescape

import pytest
from sqlalchemy import Engine, select

from services.adapters.promotions import find_persona
from services.db.judgement_tables import JudgementRow
from services.db.session import session_scope
from tests.builders import AT
from tests.feedback_app.conftest import Visitor, hidden_fields
from tests.judged_versions import Judged, add_judged


@pytest.fixture
def judged(visitor: Visitor, clean: Engine) -> Judged:  # noqa: ARG001 - the app has the persona
    with session_scope(clean) as session:
        return add_judged(session, find_persona(session, "pirate"), at=AT)


@pytest.fixture
def path(judged: Judged) -> str:
    decision = judged.decision
    return f"/judge/{decision.candidate_report_id}/{decision.champion_report_id}"


def test_who_is_no_curator_is_led_to_the_sign_in_and_back(visitor: Visitor, judged: Judged, path: str):
    assert visitor.get(f"/decisions/{judged.decision.id}/judge").location == path
    led = visitor.get(path)
    assert (led.status_code, led.location) == (303, f"/sign-in?to={path}")
    assert visitor.sign_in(to=path).location == path


def test_a_choice_is_kept_once_and_the_next_question_comes(
    visitor: Visitor, clean: Engine, judged: Judged, path: str
):
    visitor.sign_in()
    page = visitor.get(path)
    assert "1 of" in page.text
    for hidden in ("v1", "candidate", "champion", "pirate@", "plain base"):
        assert hidden not in page.text.split("<main")[1].replace(path, "")
    for _ in range(2):
        assert visitor.submit(page, path, choice="both bad").location == path
    assert "2 of" in visitor.get(path).text
    with session_scope(clean) as session:
        assert [row.judge for row in session.scalars(select(JudgementRow))] == ["Ada"]
    text = " ".join(visitor.get(f"/decisions/{judged.decision.id}").text.split())
    assert "Blind comparisons: 1. The candidate was preferred in 0," in text


def test_every_choice_has_a_button_with_a_key(visitor: Visitor, path: str):
    visitor.sign_in()
    text = visitor.get(path).text
    buttons = re.findall(r'name="choice" value="([^"]+)"\s+data-key="(\d)"', text)
    assert [(unescape(value), key) for value, key in buttons] == [
        ("left", "1"),
        ("right", "2"),
        ("tie", "3"),
        ("both bad", "4"),
    ]


@pytest.mark.parametrize("choice", ["", "candidate"])
def test_a_choice_that_is_none_is_refused(visitor: Visitor, path: str, choice: str):
    visitor.sign_in()
    assert visitor.submit(visitor.get(path), path, choice=choice).status_code == 400


def test_nobody_judges_without_signing_in_or_what_is_sealed(visitor: Visitor, judged: Judged, path: str):
    visitor.sign_in()
    page = visitor.get(path)
    sealed = hidden_fields(page, path) | {"item": judged.sealed[0].key, "choice": "tie"}
    assert visitor.client.post(path, data=sealed).status_code == 404
    visitor.submit(visitor.get("/account"), "/sign-out")
    anonymous = visitor.get("/sign-in")
    refused = visitor.submit(anonymous, "/sign-in", to=path, item=judged.sealed[0].key, choice="left")
    assert refused.status_code == 403
    assert "this takes a curator" in refused.text
