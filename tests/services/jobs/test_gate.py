"""The gate as a job: whose report is the anchor's, what its log tells, retries, and replays."""

import logging
from dataclasses import dataclass

import pytest

from services.adapters.promoting import promote
from services.adapters.promotions import version_by_number, withdraw
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow
from services.db.session import session_scope
from services.domain.gate_policy import GatePolicy, Requirement
from services.errors.lookups import UnknownRecord
from services.errors.refusals import AnchorChanged, AnchorNotAsked
from services.jobs.gate import gate, replay
from services.jobs.installation import Installation
from services.settings import Settings
from tests.builders import AT, add_persona
from tests.lineage_builders import add_answers, add_serving_version, add_version, unguarded

POLICY = GatePolicy((Requirement("fact_hit", limit=0.5, margin=0.05, minimum_items=20),))


@dataclass(frozen=True, slots=True)
class Night:
    """A candidate's night: ids of versions and of their reports. Version 1 is the anchor, 2 serves."""

    anchor: int
    candidate: int
    candidate_report: int
    champion_report: int
    base_report: int


@pytest.fixture(autouse=True)
def in_the_environment(
    settings: Settings, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job opens the test's own database."""
    url = installation.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))


@pytest.fixture
def night(installation: Installation) -> Night:
    """The candidate knows all the answers, the others a quarter; the anchor was not asked."""
    with session_scope(installation.engine) as session:
        persona = add_persona(session, gate_policy=POLICY)
        anchor, champion = (add_serving_version(session, persona, number=number) for number in (1, 2))
        candidate = add_version(session, persona, number=3)
        return Night(
            anchor.id,
            candidate.id,
            add_answers(session, candidate, right=40),
            add_answers(session, champion, right=10),
            add_answers(session, version_by_number(session, persona, 0), right=10),
        )


@pytest.fixture
def decision_id(installation: Installation, night: Night) -> int:
    """Of a night whose anchor was asked."""
    with session_scope(installation.engine) as session:
        add_answers(session, session.get_one(AdapterVersionRow, night.anchor), right=10)
    return gate(night.candidate_report, night.champion_report)["decision_id"]


def lose(installation: Installation, version_id: int) -> None:
    with session_scope(installation.engine) as session:
        withdraw(session, version_id=version_id, problem="a flipped byte", actor="server", at=AT)


def anchor_of_decision(installation: Installation, decision_id: int) -> int:
    with session_scope(installation.engine) as session:
        return session.get_one(GateDecisionRow, decision_id).anchor_report.version.number


def test_the_anchor_is_found_and_the_log_says_what_was_asked_against_whom(
    installation: Installation, night: Night, caplog: pytest.LogCaptureFixture, decision_id: int
):
    assert anchor_of_decision(installation, decision_id) == 1
    caplog.set_level(logging.INFO, logger="services.jobs.gate")
    again = gate(night.candidate_report, night.champion_report)
    assert again == {"decision_id": decision_id, "verdict": "PASS"}
    for told in (
        "PASS fact_hit (overall) against version 2: ",
        "PASS fact_hit (overall) against version 1: ",
        "PASS fact_hit (overall): ",
    ):
        assert told in caplog.text


def test_a_night_whose_anchor_was_not_asked_is_evaluated_again(night: Night):
    with pytest.raises(AnchorNotAsked, match=f"version 1, .*`persona-loop evaluate {night.candidate}`"):
        gate(night.candidate_report, night.champion_report)


def test_the_champion_stands_in_where_it_is_the_anchor_or_there_is_none(
    installation: Installation, night: Night
):
    lose(installation, night.anchor)
    made = gate(night.candidate_report, night.champion_report)
    assert anchor_of_decision(installation, made["decision_id"]) == 2
    with session_scope(installation.engine) as session:
        champion = session.get_one(EvaluationReportRow, night.champion_report).adapter_version_id
    lose(installation, champion)
    made = gate(night.candidate_report, night.base_report)
    assert anchor_of_decision(installation, made["decision_id"]) == 0


def test_reports_that_do_not_exist_are_named(night: Night):
    with pytest.raises(UnknownRecord, match="no evaluation report 0"):
        gate(night.candidate_report, 0)


def test_a_retry_after_the_promotion_ends_at_the_same_decision_though_the_anchor_changed(
    installation: Installation, night: Night, decision_id: int
):
    with session_scope(installation.engine) as session:
        promotion = promote(session, decision_id=decision_id, actor="test", at=AT).id
    lose(installation, night.anchor)
    assert gate(night.candidate_report, night.champion_report)["decision_id"] == decision_id
    with session_scope(installation.engine) as session:
        assert promote(session, decision_id=decision_id, actor="test", at=AT).id == promotion


def test_a_retry_before_the_promotion_decides_anew_when_the_anchor_changed(
    installation: Installation, night: Night, decision_id: int
):
    lose(installation, night.anchor)
    with pytest.raises(AnchorChanged), session_scope(installation.engine) as session:
        promote(session, decision_id=decision_id, actor="test", at=AT)
    anew = gate(night.candidate_report, night.champion_report)["decision_id"]
    assert anew != decision_id
    with session_scope(installation.engine) as session:
        assert promote(session, decision_id=anew, actor="test", at=AT).version.number == 3


def test_a_replay_finds_all_as_it_was(decision_id: int):
    replayed = replay(decision_id)
    assert (replayed["verdict"], replayed["stored"], replayed["differs"]) == ("PASS", "PASS", [])
    assert replayed["evidence"] is not None


def test_a_replay_beside_scores_that_were_changed_says_so(
    installation: Installation, night: Night, decision_id: int
):
    with session_scope(installation.engine) as session:
        report = session.get_one(EvaluationReportRow, night.candidate_report)
        with unguarded(session):
            report.items = [record | {"fact_hit": 0.0} for record in report.items]
    replayed = replay(decision_id)
    assert (replayed["verdict"], replayed["stored"]) == ("PASS", "PASS")
    assert replayed["differs"] == ["the candidate's report"]


def test_only_decisions_can_be_replayed():
    with pytest.raises(UnknownRecord, match="no gate decision 0"):
        replay(0)
