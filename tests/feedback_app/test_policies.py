"""Changing the rules of a persona that people change: who may, what stays as it is, what is recorded."""

import html
import re
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import Engine

from services.accounts import audit
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.domain.canaries import CanaryPolicy
from services.domain.roles import Role
from tests.feedback_app.conftest import Visitor

PAGE = "/p/pirate/curate/policy"
USUAL = {"minimum_rows": "50", "minimum_new": "10", "agreeing_raters": "2", "share": "", "most_days": "28"}


def send(visitor: Visitor, **rules: str):
    return visitor.submit(visitor.get(PAGE), PAGE, **USUAL | rules)


def policies(engine: Engine) -> tuple[dict[str, Any], ...]:
    with session_scope(engine) as session:
        row = find_persona(session, "pirate")
        return row.example_policy, row.gate_policy, row.canary_policy


@pytest.fixture
def promoter(visitor: Visitor) -> Visitor:
    visitor.sign_in(Role.PROMOTER)
    return visitor


def test_only_curators_change_them(visitor: Visitor):
    assert visitor.get(PAGE).location.startswith("/sign-in?to=")
    visitor.sign_in(Role.RATER)
    assert visitor.get(PAGE).status_code == 403


def test_what_was_changed_is_stored_and_recorded_and_every_other_rule_stays(promoter: Visitor, clean: Engine):
    examples, gate, _ = policies(clean)
    changed = send(promoter, minimum_rows="7", share="0.2", most_days="9", approval="yes")
    assert changed.location == "/p/pirate/curate"
    now = policies(clean)
    assert now[0] == examples | {"minimum_rows": 7}
    assert now[1] == gate | {"approval": True}
    assert (now[2]["share"], now[2]["most_days"]) == (0.2, 9)
    with session_scope(clean) as session:
        (entry,) = audit.on(session, "pirate", limit=9)
        assert (entry.act, entry.actor) == ("change policies", "account:Ada")
        assert entry.details["minimum_rows"] == ["50", "7"]
        assert set(entry.details) == {"minimum_rows", "share", "most_days", "approval"}
    shown = promoter.get(PAGE).text
    assert 'name="share" value="0.2"' in shown
    assert send(promoter).status_code == 303
    assert policies(clean) == (examples, gate, {})


def test_nothing_changed_is_nothing_recorded(promoter: Visitor, clean: Engine):
    before = policies(clean)
    assert send(promoter).status_code == 303
    assert policies(clean) == before
    with session_scope(clean) as session:
        assert audit.on(session, "pirate", limit=9) == []


def test_the_page_sent_as_it_was_shown_changes_nothing(promoter: Visitor, clean: Engine):
    """The share was stored with more digits than a person would type, as by the command line."""
    with session_scope(clean) as session:
        row = find_persona(session, "pirate")
        row.canary_policy = asdict(CanaryPolicy(share=1 / 3, cool_down_hours=5))
    before = policies(clean)
    shown = dict(re.findall(r' name="(\w+)" value="([^"]*)" inputmode', promoter.get(PAGE).text))
    assert set(shown) == set(USUAL)
    assert send(promoter, **shown).status_code == 303
    assert policies(clean) == before


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_stored(promoter: Visitor, clean: Engine):
    before = policies(clean)
    refused = send(promoter, minimum_new="none", share="0.2")
    assert refused.status_code == 400
    assert (
        '<p class="notice notice-problem" id="minimum_new-problem" dir="auto">Write a whole number.'
        in refused.text
    )
    assert 'value="none"' in refused.text
    assert policies(clean) == before


def test_what_is_wrong_is_said_once_and_by_the_words_beside_the_field(promoter: Visitor):
    refused = html.unescape(send(promoter, share="2").text)
    bounds = "Write a number from 0.01 to 0.99, or nothing for no canary."
    label = "Share of conversations that try a new version first"
    assert f"Nothing was saved. “{label}”: {bounds}" in refused
    assert refused.count(bounds) == 2
    assert "The policy cannot be used" not in refused
    assert "share must" not in refused
    wrong = html.unescape(send(promoter, minimum_rows="0", minimum_new="1000001").text)
    for bounds in ("Write a whole number from 1 to 1,000,000.", "Write a whole number from 0 to 1,000,000."):
        assert bounds in wrong


def test_whether_an_approval_is_needed_is_for_those_to_say_who_may_give_it(visitor: Visitor, clean: Engine):
    visitor.sign_in(Role.CURATOR)
    assert send(visitor, approval="yes").status_code == 403
    assert policies(clean)[1]["approval"] is False
    assert send(visitor, minimum_rows="8").status_code == 303
