"""The ledger's page and that of what is live: who, when, why, on which decision."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from services.adapters.promoting import promote
from services.adapters.promotions import find_persona, rollback
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.domain.training import RunState
from services.feedback.questions import new_rater
from services.training_sets.skipping import Skipped, record_skip
from tests.builders import AT
from tests.feedback_app.conftest import Visitor
from tests.lineage_builders import (
    add_canary,
    add_decision,
    add_drawn_answer,
    add_run,
    add_training_set,
    add_version,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def decision(visitor: Visitor, clean: Engine) -> int:  # noqa: ARG001 - the app has the persona
    """Version 1, learnt in a run, served for an hour on this decision; then the base was put back."""
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        version = add_version(session, persona)
        run = add_run(session, add_training_set(session, persona), state=RunState.SUCCEEDED)
        run.recipe = {"model": {"name": "/srv/models/phi-3-mini"}, "lora": {"r": 16}}
        version.training_run_id = run.id
        decided = add_decision(session, version, verdict="PASS")
        promote(session, decision_id=decided.id, actor="night", at=AT)
        return decided.id


@pytest.fixture
def rolled_back(decision: int, clean: Engine) -> int:
    with session_scope(clean) as session:
        rollback(
            session,
            persona=PersonaSlug("pirate"),
            to_version=0,
            reason="Too <salty>.",
            actor="cli:ada",
            at=AT + HOUR,
        )
    return decision


def words(visitor: Visitor, path: str) -> str:
    return " ".join(visitor.get(path).text.split())


def test_every_move_says_who_why_and_on_which_decision_newest_first(visitor: Visitor, rolled_back: int):
    text = words(visitor, "/p/pirate/ledger")
    assert "Too &lt;salty&gt;." in text
    assert f'night, by <a href="/decisions/{rolled_back}">decision {rolled_back}</a>' in text
    assert text.index(">rollback<") < text.index(">full<")
    assert "Now: <strong>v0 (plain base)</strong> since <time" in text
    assert "20 November 2026, 13:00:00 UTC" in text


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("2026-11-20T12:00", "v1"),
        ("2026-11-20T13:30:00+01:00", "v1"),
        ("2026-11-20T13:00:00", "v0 (plain base)"),
    ],
)
def test_what_was_live_at_an_instant(visitor: Visitor, rolled_back: int, at: str, version: str):  # noqa: ARG001
    page = visitor.client.get("/p/pirate/ledger", query_string={"at": at})
    assert f"<strong>{version}</strong>" in page.text.split('id="was-live"')[1].split("</p>")[0]


@pytest.mark.parametrize(
    "at", ["yesterday", "2026-13-01", "<b>", "9999-12-31T23:59:59-14:00", "2999-01-01T00:00:00"]
)
def test_what_is_no_instant_is_told(visitor: Visitor, at: str):
    page = visitor.client.get("/p/pirate/ledger", query_string={"at": at})
    assert page.status_code == 400
    assert "That is no moment" in page.text
    assert "<b>" not in page.text


@pytest.mark.parametrize("at", ["2026-11-20T11:59:59", "1850-01-01T00:00:00+23:59"])
def test_before_the_persona_was_is_told_beside_who_serves_now(visitor: Visitor, rolled_back: int, at: str):  # noqa: ARG001
    page = visitor.client.get("/p/pirate/ledger", query_string={"at": at})
    assert (page.status_code, "did not exist then" in page.text) == (400, True)
    assert "Now: <strong>v0" in " ".join(page.text.split())


def test_why_what_serves_now_does_leads_to_decision_run_and_recipe(visitor: Visitor, decision: int):
    text = words(visitor, "/p/pirate/live")
    assert "v1, the champion" in text
    assert f'<a href="/decisions/{decision}">{decision}, PASS</a>' in text
    assert "412 rows" in text
    assert '<a href="/runs/' in text
    assert "<dd>phi-3-mini</dd>" in text
    assert "/srv/models" not in text


def test_before_the_first_promotion_the_base_answers(visitor: Visitor):
    assert "Nothing was promoted yet" in words(visitor, "/p/pirate/ledger")
    assert "so the plain base answers" in words(visitor, "/p/pirate/live")


def test_a_night_without_a_set_is_told_with_its_reason(visitor: Visitor, clean: Engine):
    assert "without a training set" not in visitor.get("/p/pirate/runs").text
    with session_scope(clean) as session:
        skipped = Skipped("3 demonstrations, and 100 are needed", {})
        record_skip(session, find_persona(session, "pirate"), skipped, cutoff=AT, at=AT)
    text = words(visitor, "/p/pirate/runs")
    assert "The last night made no training set." in text
    assert "3 demonstrations, and 100 are needed" in text


@pytest.mark.parametrize("path", ["/p/nobody/ledger", "/p/nobody/live"])
def test_an_unknown_persona_is_not_found(visitor: Visitor, path: str):
    assert visitor.get(path).status_code == 404


def test_a_canary_stands_beside_the_champion_with_its_share_and_what_people_said(
    visitor: Visitor, decision: int, clean: Engine
):
    assert decision
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        persona.canary_policy = {"least_conversations": 10, "least_raters": 5, "margin": 0.3}
        canary = add_canary(session, persona, number=2, verdict="INSUFFICIENT")
        for number in range(40):
            rater = new_rater(session, at=AT)
            for tried in (True, False):
                add_drawn_answer(session, canary, tried=tried, rater=rater, stars=5 - 2 * (number % 2))
        share = f"{canary.share:.0%}"
    ledger, live = words(visitor, "/p/pirate/ledger"), words(visitor, "/p/pirate/live")
    assert f"canary, {share} of conversations" in ledger
    assert "as a canary beside it: <strong>v2</strong> since" in ledger
    assert f", with {share} of the conversations then" in ledger
    assert "v2, the canary" in live
    assert "Rated conversations: 40 with it, 40 with the champion." in live
    assert "50% of the time, ties counted by half" in live
