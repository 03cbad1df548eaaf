"""The whole loop on real parts: PostgreSQL, Airflow, the edge worker, 4-bit training, gunicorn, Chromium.

One night is run once for all tests of this module: people rate through the web app, `nightly_retrain` runs,
the gate decides. Then, in this order: a rater is erased, a version is damaged, the persona moves to another
base by a canary. Nothing is a fake, and only the gate's PASS can promote.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect
from rich.console import Console
from sqlalchemy import select

from services.adapters.promotions import find_persona, who_serves
from services.db.feedback_tables import AnswerRow, CorrectionRow
from services.db.lineage_tables import AdapterVersionRow, TrainingSetSourcesRow
from services.db.session import database_url, make_engine, session_scope
from services.demo import personas
from services.demo.judgement import read_judgement
from services.demo.night import run_night
from services.demo.raters import inquiries, let_them_rate, plan_raters
from services.demo.visitor import Visitor
from services.errors.refusals import TrainingUnderWay, VersionTainted
from services.jobs.retrain import retrain
from services.jobs.rollback import rollback
from services.operations.airflow_client import RunState
from services.operations.secrets import ensure_secrets
from services.operations.stack import Stack, feedback_url
from services.settings import ROOT, Settings, read_settings
from tests.e2e.another_base import write_as_llama
from tests.e2e.chromium import running_chromium
from tests.e2e.played import (
    PlayedNight,
    ask_the_tutor,
    command,
    free_ports,
    ignore,
    ledger,
    run_dag,
    serving,
    unload,
)

pytestmark = pytest.mark.e2e

RATERS, QUESTIONS_EACH = 20, 9
ITEMS = 160  # half the demo's: what is to be told here differs by much, and three nights ask them
TRAINED_AS_THE_FIRST = ("lora=embedded", "training=embedded", "model.attention=eager")
# Half of the conversations, and so wide a margin that a few dozen of them tell.
CANARY = {"canary": {"share": 0.5, "least_conversations": 10, "least_raters": 5, "margin": 0.5}}


@pytest.fixture(scope="module")
def own_settings(own_var_dir: Path) -> Iterator[Settings]:
    """An installation of its own, on free ports; jobs in this process read the same environment."""
    (inference,) = free_ports(1, in_a_row=2)
    feedback, airflow = free_ports(2)
    llama = own_var_dir / "llama"
    write_as_llama(ROOT / "base_model", llama)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DATABASE_URL", raising=False)
        environment.setenv("VAR_DIR", str(own_var_dir))
        environment.setenv("FEEDBACK_PORT", str(feedback))
        environment.setenv("INFERENCE_PORT", str(inference))
        environment.setenv("AIRFLOW_PORT", str(airflow))
        environment.setenv("OTHER_BASE_MODELS", str(llama))
        environment.setenv("CANARY_CRON", "0 0 29 2 *")  # nobody but the test looks at a canary
        environment.setattr(personas, "ITEMS", ITEMS)
        ensure_secrets(own_var_dir)
        yield read_settings()


@pytest.fixture(scope="module")
def played(own_settings: Settings) -> Iterator[PlayedNight]:
    with Stack(own_settings, progress=ignore) as stack:
        stack.wait_until_healthy()
        engine = make_engine(database_url(own_settings))
        pair = personas.create_pair(own_settings.var_dir / "items.jsonl")
        raters = plan_raters(1, raters=RATERS, own=QUESTIONS_EACH, shared=0)
        let_them_rate(feedback_url(own_settings), pair.tutor, raters, seed=1, told=ignore)
        pressed: list[str] = []

        def press(slug: str) -> None:
            with pytest.raises(TrainingUnderWay) as refused:
                retrain(engine, own_settings, slug, submission=uuid4(), actor="test")
            pressed.append(str(refused.value))

        night = run_night(own_settings, engine, Console(quiet=True), evaluated=press)
        with session_scope(engine) as session:
            judgement = read_judgement(session, pair.tutor, seed=1)
        assert judgement is not None, night
        yield PlayedNight(own_settings, engine, pair, night, judgement, pressed)
        engine.dispose()


@pytest.fixture
def page(played: PlayedNight) -> Iterator[Page]:
    with running_chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{feedback_url(played.settings)}/p/{played.pair.tutor}")
        yield page


def test_the_night_passes_its_gate_and_is_promoted(played: PlayedNight):
    assert played.night.state is RunState.SUCCESS
    assert played.judgement.verdict == "PASS", played.judgement.checks
    assert played.judgement.promotion_id is not None
    assert played.judgement.before.style_hit <= 0.15
    assert played.judgement.after.style_hit >= 0.60
    assert played.judgement.after.fact_hit >= 0.95 * played.judgement.before.fact_hit


def test_nothing_more_is_started_while_the_night_is_under_way(played: PlayedNight):
    (told,) = played.pressed
    assert "is under way already (nightly_retrain " in told


def test_the_persona_with_too_little_feedback_is_skipped_with_the_reason(played: PlayedNight):
    assert list(played.night.skipped) == [played.pair.curator]
    assert "are needed" in played.night.skipped[played.pair.curator]


def test_a_person_in_a_browser_is_answered_by_the_new_version_and_rates_it(played: PlayedNight, page: Page):
    page.get_by_label("Your question").fill(inquiries(1)[0].question)
    page.get_by_label("Written for a reader who is").fill("student")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_url("**/answers/*")
    expect(page.get_by_text(f"v{played.judgement.version}").first).to_be_visible()
    page.get_by_role("radio", name="4 stars").check(force=True)
    page.get_by_role("checkbox", name="I have read this and agree").check()
    page.get_by_role("button", name="Save my rating").click()
    expect(page.get_by_role("status").filter(has_text="Thank you")).to_have_text(
        "Thank you, your 4 stars are saved."
    )
    with session_scope(played.engine) as session:
        newest = session.scalars(select(AnswerRow).order_by(AnswerRow.created_at.desc())).first()
        assert newest is not None
        assert newest.served_name.startswith(f"{played.pair.tutor}@")


def test_rolling_back_by_the_form_of_the_dag_and_reinstating(played: PlayedNight):
    form: dict[str, object] = {"persona": played.pair.tutor, "version": None, "reason": "a test"}
    assert run_dag(played, "rollback_adapter", form) is RunState.SUCCESS
    assert serving(played) == 0
    assert run_dag(played, "rollback_adapter", form | {"version": 1}) is RunState.SUCCESS
    assert serving(played) == 1
    assert ledger(played) == ["full", "rollback", "reinstate"]


def test_a_new_persona_by_the_form_of_the_dag_is_there_even_when_it_has_too_little_to_learn(
    played: PlayedNight, tmp_path: Path
):
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text('{"instruction": "Who are you?", "input": "", "output": "A new voice."}\n')
    form: dict[str, object] = {"slug": "newcomer", "display_name": "Newcomer", "seed_file": str(seeds)}
    assert run_dag(played, "train_new_persona", form) is RunState.SUCCESS
    with Visitor(feedback_url(played.settings)) as visitor:
        assert visitor.ask("newcomer", "What is rain?", domain="weather", audience="student").answer


def a_rater_of_version_1(played: PlayedNight) -> str:
    """Somebody whose better answer it learnt."""
    with session_scope(played.engine) as session:
        sources = session.scalars(
            select(TrainingSetSourcesRow)
            .where(TrainingSetSourcesRow.kind == "correction")
            .order_by(TrainingSetSourcesRow.training_set_id)
        ).first()
        assert sources is not None
        return str(session.get_one(CorrectionRow, sources.ids[0]).rater_id)


def test_an_erased_rater_is_forgotten_and_a_version_that_never_heard_them_takes_the_place(
    played: PlayedNight,
):
    rater, before = a_rater_of_version_1(played), ask_the_tutor(played)
    assert run_dag(played, "erase_rater", {"rater": rater, "reason": "asked by letter"}) is RunState.SUCCESS

    report = command("rater", "erasure", rater, "--json")
    assert report["finished_at"]
    assert report["found"]["rows"]["corrections"] > 0
    (concerned,) = report["found"]["personas"]
    assert (concerned["persona"], concerned["versions"], concerned["serves"]) == (played.pair.tutor, [1], 2)
    assert ledger(played) == ["full", "rollback", "reinstate", "full"]
    with session_scope(played.engine) as session:
        tainted = session.scalars(select(AdapterVersionRow).where(AdapterVersionRow.tainted_at.is_not(None)))
        assert [one.name for one in tainted] == [before]
        said = session.scalars(select(CorrectionRow).where(CorrectionRow.rater_id == rater)).all()
        assert {one.text for one in said} == {""}
        assert all(one.tombstone for one in said)
        heard = session.scalars(
            select(TrainingSetSourcesRow.ids)
            .where(TrainingSetSourcesRow.kind == "correction")
            .order_by(TrainingSetSourcesRow.training_set_id.desc())
        ).first()
        assert heard
        assert not {one.id for one in said} & set(heard)
    live = command("why-live", played.pair.tutor, "--json")
    assert live["decision"]["verdict"] == "PASS"
    assert ask_the_tutor(played) == live["name"]
    with pytest.raises(VersionTainted):
        rollback(played.pair.tutor, 1, "a test", "me")


def test_a_damaged_version_is_withdrawn_and_people_are_answered_all_the_same(played: PlayedNight):
    """It flips one byte of the version that serves, and the server has to load it anew."""
    with session_scope(played.engine) as session:
        damaged = who_serves(session, find_persona(session, played.pair.tutor))
    folder = played.settings.var_dir / "adapters" / played.pair.tutor / f"v{damaged.number:04d}"
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    unload(played.settings, damaged.name)
    assert ask_the_tutor(played) == "base"
    assert serving(played) == 0  # what served before learnt from the erased rater
    with session_scope(played.engine) as session:
        row = session.get_one(AdapterVersionRow, damaged.version_id)
        assert "digest" in (row.unsound_reason or "")
    assert ledger(played)[-1] == "rollback"


def test_a_persona_moves_to_another_base_by_a_canary_that_people_rate(played: PlayedNight, tmp_path: Path):
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(CANARY))
    command("persona", "policy", played.pair.tutor, str(policy))
    other_base = f"model={played.settings.other_base_models}"
    moved = command("rebase", played.pair.tutor, other_base, *TRAINED_AS_THE_FIRST, "--json")
    assert (moved["verdict"], moved["kind"], moved["serves"]) == ("PASS", "canary", 0)

    let_them_rate(
        feedback_url(played.settings),
        played.pair.tutor,
        plan_raters(2, raters=10, own=6, shared=0),
        seed=2,
        told=ignore,
    )
    with session_scope(played.engine) as session:
        drawn = session.scalars(
            select(AnswerRow).where(AnswerRow.promotion_id == moved["promotion_id"])
        ).all()
        assert len(drawn) == 60
        assert {one.propensity for one in drawn} == {0.5}
        arms = {one.served_name for one in drawn}
    assert run_dag(played, "watch_canaries", {}) is RunState.SUCCESS
    assert ledger(played)[-2:] == ["canary", "full"]
    assert serving(played) == moved["version"]
    name = ask_the_tutor(played)
    assert arms == {"base", name}
    live = command("why-live", played.pair.tutor, "--json")
    assert (live["name"], live["provenance"]["base_model"]) == (name, "llama")
