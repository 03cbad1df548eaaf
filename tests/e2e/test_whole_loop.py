"""The whole loop on real parts: PostgreSQL, Airflow, the edge worker, 4-bit training, gunicorn, Chromium.

One night is run once for all tests of this module: people rate through the web app, `nightly_retrain` runs,
the gate decides. Nothing is a fake, and only the gate's PASS can promote.
"""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from rich.console import Console
from sqlalchemy import Engine, select

from services.adapters.promotions import find_persona, history, who_serves
from services.db.feedback_tables import AnswerRow
from services.db.lineage_tables import AdapterVersionRow
from services.db.session import database_url, make_engine, session_scope
from services.demo.judgement import Judgement, read_judgement
from services.demo.night import Night, run_night
from services.demo.personas import Pair, create_pair
from services.demo.raters import inquiries, let_them_rate, plan_raters
from services.demo.visitor import Visitor
from services.operations.airflow_client import AirflowClient, RunState
from services.operations.secrets import ensure_secrets
from services.operations.stack import Stack, feedback_url
from services.settings import Settings, read_settings
from tests.e2e.chromium import running_chromium

pytestmark = pytest.mark.e2e

RATERS, QUESTIONS_EACH = 20, 9


@dataclass(frozen=True, slots=True)
class PlayedNight:
    settings: Settings
    engine: Engine
    pair: Pair
    night: Night
    judgement: Judgement


def ignore(*_: object) -> None:
    """For progress that nobody watches."""


def free_ports(number: int) -> list[int]:
    with_ports = [socket.socket() for _ in range(number)]
    try:
        for one in with_ports:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in with_ports]
    finally:
        for one in with_ports:
            one.close()


@pytest.fixture(scope="module")
def own_settings(own_var_dir: Path) -> Iterator[Settings]:
    """An installation of its own, on free ports; jobs in this process read the same environment."""
    feedback, inference, airflow = free_ports(3)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DATABASE_URL", raising=False)
        environment.setenv("VAR_DIR", str(own_var_dir))
        environment.setenv("FEEDBACK_PORT", str(feedback))
        environment.setenv("INFERENCE_PORT", str(inference))
        environment.setenv("AIRFLOW_PORT", str(airflow))
        ensure_secrets(own_var_dir)
        yield read_settings()


@pytest.fixture(scope="module")
def played(own_settings: Settings) -> Iterator[PlayedNight]:
    with Stack(own_settings, progress=ignore) as stack:
        stack.wait_until_healthy()
        engine = make_engine(database_url(own_settings))
        pair = create_pair(own_settings.var_dir / "items.jsonl")
        raters = plan_raters(1, raters=RATERS, own=QUESTIONS_EACH, shared=0)
        let_them_rate(feedback_url(own_settings), pair.tutor, raters, seed=1, told=ignore)
        night = run_night(own_settings, engine, Console(quiet=True), evaluated=ignore)
        with session_scope(engine) as session:
            judgement = read_judgement(session, pair.tutor, seed=1)
        assert judgement is not None, night
        yield PlayedNight(own_settings, engine, pair, night, judgement)
        engine.dispose()


@pytest.fixture
def page(played: PlayedNight) -> Iterator[Page]:
    with running_chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{feedback_url(played.settings)}/p/{played.pair.tutor}")
        yield page


def serving(played: PlayedNight) -> int:
    with session_scope(played.engine) as session:
        return who_serves(session, find_persona(session, played.pair.tutor)).number


def run_dag(played: PlayedNight, dag_id: str, form: dict[str, object]) -> RunState:
    with AirflowClient(played.settings) as airflow:
        run_id = airflow.trigger(dag_id, form)
        return airflow.wait(dag_id, run_id, timeout=240, progress=ignore).state


def test_the_night_passes_its_gate_and_is_promoted(played: PlayedNight):
    assert played.night.state is RunState.SUCCESS
    assert played.judgement.verdict == "PASS", played.judgement.checks
    assert played.judgement.promotion_id is not None
    assert played.judgement.before.style_hit <= 0.15
    assert played.judgement.after.style_hit >= 0.60
    assert played.judgement.after.fact_hit >= 0.95 * played.judgement.before.fact_hit


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
    page.get_by_role("button", name="Save my rating").click()
    expect(page.get_by_role("status")).to_have_text("Thank you, your 4 stars are saved.")
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
    with session_scope(played.engine) as session:
        kinds = [move.kind for move in history(session, find_persona(session, played.pair.tutor))]
    assert kinds == ["full", "rollback", "reinstate"]


def test_a_new_persona_by_the_form_of_the_dag_is_there_even_when_it_has_too_little_to_learn(
    played: PlayedNight, tmp_path: Path
):
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text('{"instruction": "Who are you?", "input": "", "output": "A new voice."}\n')
    form: dict[str, object] = {"slug": "newcomer", "display_name": "Newcomer", "seed_file": str(seeds)}
    assert run_dag(played, "train_new_persona", form) is RunState.SUCCESS
    with Visitor(feedback_url(played.settings)) as visitor:
        assert visitor.ask("newcomer", "What is rain?", domain="weather", audience="student").answer


def test_a_damaged_version_is_withdrawn_and_people_are_answered_all_the_same(played: PlayedNight):
    """Last: it flips one byte of the version that serves, and the server has to load it anew."""
    with session_scope(played.engine) as session:
        name = who_serves(session, find_persona(session, played.pair.tutor)).name
    weights = played.settings.var_dir / "adapters" / played.pair.tutor / "v0001" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    unload(played.settings, name)
    with Visitor(feedback_url(played.settings)) as visitor:
        question = inquiries(1)[1].question
        assert visitor.ask(played.pair.tutor, question, domain="science", audience="student").answer
    assert serving(played) == 0
    with session_scope(played.engine) as session:
        damaged = session.scalars(select(AdapterVersionRow).where(AdapterVersionRow.name == name)).one()
        assert "digest" in (damaged.unsound_reason or "")
        assert history(session, find_persona(session, played.pair.tutor))[-1].kind == "rollback"


def unload(settings: Settings, name: str) -> None:
    """Forget the adapter, in memory and in the server's cache of checked files."""
    shutil.rmtree(settings.var_dir / "cache" / "adapters", ignore_errors=True)
    httpx.post(
        f"{settings.inference_endpoint}/v1/unload_lora_adapter",
        json={"lora_name": name},
        headers={"Authorization": f"Bearer {settings.inference_token.get_secret_value()}"},
        timeout=60,
    ).raise_for_status()
