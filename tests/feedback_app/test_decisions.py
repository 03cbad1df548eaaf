"""The page of a decision: what the gate said, for everybody; people's questions, for curators."""

from datetime import timedelta
from html import unescape
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine

from services.adapters.promoting import promote
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.domain.roles import Role
from tests.builders import AT
from tests.feedback_app.conftest import Visitor
from tests.judged_versions import Judged, add_judged
from tests.lineage_builders import add_decision, add_version


@pytest.fixture
def judged(visitor: Visitor, clean: Engine) -> Judged:  # noqa: ARG001 - the app has the persona
    with session_scope(clean) as session:
        return add_judged(session, find_persona(session, "pirate"), at=AT)


def words(text: str) -> str:
    return " ".join(text.split())


def test_everybody_reads_the_verdict_and_its_reasons_and_no_question_of_others(
    visitor: Visitor, judged: Judged
):
    page = visitor.get(f"/decisions/{judged.decision.id}")
    assert page.status_code == 200
    text = words(page.text)
    for shown in (
        "Too little is known for v1",
        "right facts",
        "up to 0.100 worse is allowed",
        "audience: student",
    ):
        assert shown in text
    assert "sign in as a curator" in text
    assert "number 12?" not in text
    assert "<script" not in text.split("<main")[1]


def test_a_version_that_answered_nobody_is_not_called_the_champion(
    visitor: Visitor, judged: Judged, clean: Engine
):
    visitor.sign_in()
    path = f"/decisions/{judged.decision.id}"
    assert "The champion answered people when this was decided" in words(visitor.get(path).text)
    with session_scope(clean) as session:
        other = add_version(session, find_persona(session, "pirate"), number=2)
        passed = add_decision(session, other, verdict="PASS")
        promote(session, decision_id=passed.id, actor="night", at=AT - timedelta(hours=1))
    text = words(visitor.get(path).text)
    assert "Another version than the plain base answered people when this was decided" in text
    assert "the plain base, the champion" not in text


def test_names_of_runs_break_between_their_parts(visitor: Visitor, clean: Engine):
    with session_scope(clean) as session:
        passed = add_decision(
            session, add_version(session, find_persona(session, "pirate")), verdict="PASS"
        ).id
        promote(
            session, decision_id=passed, actor="night <b> manual__2026-11-21T17:38:54.902497+00:00", at=AT
        )
    for path in (f"/decisions/{passed}", "/p/pirate/ledger", "/p/pirate/live"):
        text = visitor.get(path).text
        assert "night &lt;b&gt; " in text
        assert '<span class="whole">manual__</span><wbr><span class="whole">2026-11-21</span><wbr>' in text


def test_curators_see_answers_side_by_side_escaped(visitor: Visitor, judged: Judged):
    visitor.sign_in()
    text = words(visitor.get(f"/decisions/{judged.decision.id}").text)
    assert "The most improved answers" in text
    assert "&lt;script&gt;alert(" in text
    assert "<script" not in text.split("<main")[1]
    for item in judged.sealed:
        assert f"number {item.key.removeprefix('item ')}?" not in text


@pytest.mark.parametrize("width", ["", "?width=360"])
def test_its_intervals_are_a_drawing(visitor: Visitor, judged: Judged, width: str):
    response = visitor.get(f"/decisions/{judged.decision.id}/intervals.svg{width}")
    assert response.mimetype == "image/svg+xml"
    assert ElementTree.fromstring(response.text).tag.endswith("svg")  # noqa: S314 - our own


def test_a_decision_without_numbers_has_a_page(visitor: Visitor, clean: Engine):
    with session_scope(clean) as session:
        check = {"metric": "fact_hit", "slice": "overall", "verdict": "FAIL", "reason": "0.4 is <low>"}
        version = add_version(session, find_persona(session, "pirate"), number=7)
        decision = add_decision(session, version, verdict="FAIL", checks=[check]).id
    text = visitor.get(f"/decisions/{decision}").text
    assert "v7 may not take the place of the plain base" in words(text)
    assert "0.4 is &lt;low&gt;" in text


@pytest.mark.parametrize("path", ["/decisions/404", "/decisions/404/intervals.svg", "/decisions/404/judge"])
def test_what_does_not_exist_is_not_found(visitor: Visitor, path: str):
    assert visitor.get(path).status_code == 404


@pytest.fixture
def waiting(visitor: Visitor, clean: Engine) -> str:  # noqa: ARG001 - the app has the persona
    """The path of a decision that waits for an approval."""
    with session_scope(clean) as session:
        version = add_version(session, find_persona(session, "pirate"))
        decision = add_decision(session, version, verdict="PASS", policy={"approval": True})
        return f"/decisions/{decision.id}"


def test_a_curator_approves_with_a_reason_once(visitor: Visitor, waiting: str):
    assert "Sign in as a promoter" in visitor.get(waiting).text
    visitor.sign_in()
    page = visitor.get(waiting)
    sent = visitor.submit(page, f"{waiting}/approve", reason="Read the <worst>.")
    assert (sent.status_code, sent.location) == (303, waiting)
    number = waiting.removeprefix("/decisions/")
    promises = (
        f'Next: <span lang="en" dir="ltr"><code>persona-loop promote {number}</code>: it serves everyone'
    )
    assert promises in words(page.text)
    text = words(visitor.get(waiting).text)
    assert "by account:Ada: Read the &lt;worst&gt;." in text
    assert "It waits for an approval" not in text
    above, _ = text.split("The verdict")
    assert "Read the &lt;worst&gt;." in above
    assert "The approval alone does not make it serve." in above
    assert visitor.submit(page, f"{waiting}/approve", reason="Again.").status_code == 303
    assert "Again." not in visitor.get(waiting).text


def test_where_a_canary_comes_first_an_approval_promises_no_more(
    visitor: Visitor, clean: Engine, waiting: str
):
    with session_scope(clean) as session:
        find_persona(session, "pirate").canary_policy = {"share": 0.1}
    visitor.sign_in()
    assert "some of the conversations (10%) go to it first, in a canary" in words(visitor.get(waiting).text)


@pytest.mark.parametrize("reason", [" ", "a\nb", "x" * 501])
def test_a_reason_that_is_none_is_refused_and_stays(visitor: Visitor, waiting: str, reason: str):
    visitor.sign_in()
    refused = visitor.submit(visitor.get(waiting), f"{waiting}/approve", reason=reason)
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text
    assert reason in refused.text


def test_nobody_else_approves(visitor: Visitor, waiting: str):
    visitor.sign_in(Role.CURATOR)
    assert "Sign in as a promoter" in visitor.get(waiting).text
    mine = visitor.get("/account")
    refused = visitor.submit(mine, "/sign-out", to=f"{waiting}/approve", reason="Mine.")
    assert refused.status_code == 403
    assert "Your account is of a curator, and this takes a promoter" in unescape(refused.text)
    assert "It waits for an approval" in visitor.get(waiting).text


def test_a_decision_that_nobody_has_to_approve_has_no_form(visitor: Visitor, judged: Judged):
    visitor.sign_in()
    assert "approval" not in visitor.get(f"/decisions/{judged.decision.id}").text
