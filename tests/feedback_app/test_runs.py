"""The pages of training runs: what is known is shown, they renew themselves without JavaScript."""

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from sqlalchemy import Engine

from services.adapters.promoting import promote
from services.adapters.promotions import find_persona, rollback
from services.db.lineage_tables import AdapterVersionRow
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.domain.training import RunState
from services.training.holding import RunLock
from tests.feedback_app.conftest import Visitor
from tests.lineage_builders import add_canary, add_decision, add_run, add_training_set, add_version
from tests.told_runs import add_told_run


@pytest.fixture
def run_id(visitor: Visitor, clean: Engine) -> int:  # noqa: ARG001 - the app has the persona
    with session_scope(clean) as session:
        return add_told_run(session, find_persona(session, "pirate"), at=datetime.now(UTC)).id


@pytest.fixture
def running(run_id: int, clean: Engine) -> Iterator[int]:
    """The run with a process that works on it."""
    lock = RunLock(clean, run_id)
    lock.take()
    yield run_id
    lock.give_back()


def test_the_persona_leads_to_its_runs_and_each_to_its_page(visitor: Visitor, running: int):
    assert 'href="/p/pirate/runs"' in visitor.get("/p/pirate").text
    page = visitor.get("/p/pirate/runs")
    assert f'href="/runs/{running}"' in page.text
    assert "SFT → DPO · 412 rows" in page.text
    assert "step 160 of 198 · DPO loss 0.1819" in page.text


def test_a_running_run_shows_how_far_it_is_and_renews_itself(visitor: Visitor, running: int):
    page = visitor.get(f"/runs/{running}").text
    for shown in ("160 of 198", "DPO, 2 of 2", "0.1819", "1,234", "about 12 min", ">running<"):
        assert shown in page
    assert '<meta http-equiv="refresh" content="15">' in page
    assert "<dt>SFT loss</dt><dd>2.2500</dd>" in page
    assert "<dt>DPO loss</dt><dd>0.1819</dd>" in page
    assert "<script" not in page.split("<main")[1]

    still = visitor.get(f"/runs/{running}?still=").text
    assert "http-equiv" not in still
    assert "Follow the run" in still


def test_a_run_says_what_it_gave_up_why_it_ended_what_it_answers_and_why_it_was_planned(
    visitor: Visitor, run_id: int
):
    page = visitor.get(f"/runs/{run_id}").text
    for shown in (
        ">interrupted<",
        "batches of 1 row, 8 of them a step",
        "no better validation loss than 2.4000 of step 80",
        "Arr, the &lt;tide&gt; of step 80!",
        "Nay.",
        "SFT: 300 demonstrations",
        "qkv_proj, o_proj",
        "used 1.50 GB at the most",
        "took 75 s",
    ):
        assert shown in page
    assert "http-equiv" not in page
    assert page.index("Step 120") < page.index("Step 20")  # the newest first


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_a_run_says_what_the_gate_said_of_its_version(
    visitor: Visitor, run_id: int, clean: Engine, verdict: str
):
    assert "What the gate said" not in visitor.get(f"/runs/{run_id}").text
    with session_scope(clean) as session:
        version = add_version(session, find_persona(session, "pirate"), number=7)
        version.training_run_id = run_id
        session.flush()
        version_id = version.id
    assert "No gate has judged v7 yet." in shown(visitor, run_id)
    with session_scope(clean) as session:
        check = {
            "metric": "fact_hit",
            "slice": "language:german",
            "verdict": verdict,
            "reason": "0.4 is <low>",
        }
        judged = session.get_one(AdapterVersionRow, version_id)
        decision = add_decision(session, judged, verdict=verdict, checks=[check])
        if verdict == "PASS":
            promote(session, decision_id=decision.id, actor="night", at=datetime.now(UTC))
    page = shown(visitor, run_id)
    assert f'<a href="/decisions/{decision.id}">Decision {decision.id}</a>: v7 against v0' in page
    assert (
        '<strong>right facts</strong> (language: german): <span lang="en" dir="ltr">0.4 is &lt;low&gt;'
        in page
    )
    serves = "It answers people now" if verdict == "PASS" else "It has answered nobody."
    assert serves in page
    assert f">{verdict}<" in visitor.get("/p/pirate/runs").text


def test_a_run_says_that_its_version_is_tried_in_a_canary_and_that_one_ended(
    visitor: Visitor, run_id: int, clean: Engine
):
    with session_scope(clean) as session:
        canary = add_canary(session, find_persona(session, "pirate"), number=7)
        canary.version.training_run_id = run_id
    assert "Some conversations go to it, in a canary." in shown(visitor, run_id)
    with session_scope(clean) as session:
        rollback(
            session,
            persona=PersonaSlug("pirate"),
            to_version=None,
            reason="enough",
            actor="me",
            at=datetime.now(UTC),
        )
    page = shown(visitor, run_id)
    assert "A canary of it began on" in page
    assert "20 November 2026, 12:00 UTC</time> and ended." in page


def shown(visitor: Visitor, run_id: int) -> str:
    return " ".join(visitor.get(f"/runs/{run_id}").text.split())


def test_what_was_expected_and_what_a_process_holds_are_told_apart(visitor: Visitor, run_id: int):
    assert "The parts are the tensors that training holds." in visitor.get(f"/runs/{run_id}").text


def test_the_recipe_names_its_base_without_the_folders_of_this_machine(visitor: Visitor, run_id: int):
    page = visitor.get(f"/runs/{run_id}").text
    assert "<dd>phi-3-mini</dd>" in page
    assert "/srv/models" not in page


@pytest.mark.parametrize("drawing", ["loss.svg", "memory.svg"])
@pytest.mark.parametrize("width", ["", "?width=360", "?width=1", "?width=999999999", "?width=x"])
def test_the_drawings_are_whole_files_and_may_bring_their_style(
    visitor: Visitor, run_id: int, drawing: str, width: str
):
    response = visitor.get(f"/runs/{run_id}/{drawing}{width}")
    assert response.mimetype == "image/svg+xml"
    assert "style-src 'sha256-" in response.headers["Content-Security-Policy"]
    figure = ElementTree.fromstring(response.text)  # noqa: S314 - our own
    assert 360 <= float(figure.get("width")) <= 2880


def test_a_run_that_has_not_reported_yet_and_one_that_failed_have_pages(visitor: Visitor, clean: Engine):
    with session_scope(clean) as session:
        training_set = add_training_set(session, find_persona(session, "pirate"))
        failed = add_run(session, training_set, state=RunState.FAILED)
        failed.error = "Memory ran out <here>."
        failed_id = failed.id
    page = visitor.get(f"/runs/{failed_id}")
    assert page.status_code == 200
    assert "Memory ran out &lt;here&gt;." in page.text
    assert "memory.svg" not in page.text
    assert "loss.svg" not in page.text
    assert visitor.get(f"/runs/{failed_id}/loss.svg").status_code == 200


@pytest.mark.parametrize("path", ["/runs/404", "/runs/999999999999", "/runs/404/loss.svg", "/p/nobody/runs"])
def test_what_does_not_exist_is_not_found(visitor: Visitor, path: str):
    assert visitor.get(path).status_code == 404


def test_a_persona_without_runs_says_so(visitor: Visitor):
    assert "has not been trained yet" in visitor.get("/p/pirate/runs").text
