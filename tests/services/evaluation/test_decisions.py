import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.gate_policy import GatePolicy, Requirement
from services.errors.artifacts import FrozenFileCorrupt
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import GateChanged, ReportsNotComparable
from services.evaluation.decisions import decide_again, decide_and_store, parse_policy
from services.evaluation.reports import store_report
from services.evaluation.scoring import score
from services.evaluation.suites import freeze_suite
from tests.builders import AT, add_persona
from tests.lineage_builders import add_report, add_version, unguarded

LOSS = GatePolicy((Requirement("held_out_loss", limit=10.0, margin=0.1),))


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"file://{tmp_path}"


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session)


def report_with_loss(session: Session, version: AdapterVersionRow, log_probability: float) -> int:
    item = Item("key", ItemSource.HOLDOUT, Question("Why?", "physics", "student"), "Because.", "")
    scored = score(item, "It is.", seed=1, markers=(), log_probabilities=(log_probability,))
    suite = freeze_suite(session, version.persona, [item], at=AT)
    return store_report(
        session,
        version_id=version.id,
        suite_digest=suite,
        settings_digest="settings",
        scores=[scored],
        at=AT,
    )


@pytest.mark.parametrize("log_probability", [math.nan, -math.inf])
def test_a_diverged_candidate_is_stored_and_fails(
    session: Session, persona: PersonaRow, store_url: str, log_probability: float
):
    candidate = report_with_loss(session, add_version(session, persona, number=1), log_probability)
    champion = report_with_loss(session, add_version(session, persona, number=2), -1.0)
    decision = decide_and_store(
        session,
        candidate_report=candidate,
        champion_report=champion,
        anchor_report=champion,
        policy=LOSS,
        store_url=store_url,
        at=AT,
    )
    session.refresh(decision)
    assert decision.verdict == "FAIL"
    assert decision.checks[0]["measured"] is None
    stored = session.get_one(EvaluationReportRow, candidate)
    session.refresh(stored)
    assert (stored.items[0]["loss"], stored.items[0]["loss_tokens"]) == (None, 1)


def test_a_report_against_itself_is_refused_and_nothing_is_stored(
    session: Session, persona: PersonaRow, store_url: str
):
    report = add_report(session, add_version(session, persona), held_out_loss=1.0)
    with pytest.raises(ReportsNotComparable):
        decide_and_store(
            session,
            candidate_report=report.id,
            champion_report=report.id,
            anchor_report=report.id,
            policy=LOSS,
            store_url=store_url,
            at=AT,
        )


@pytest.mark.parametrize(
    "requirement",
    [{"metric": "fact_hit", "limit": math.nan}, {"metric": "fact_hit", "limit": "0.5"}],
)
def test_a_policy_whose_bounds_are_no_numbers_is_refused(requirement: dict[str, object]):
    with pytest.raises(InvalidPolicy):
        parse_policy({"requirements": [requirement]})


@pytest.fixture
def decided(session: Session, persona: PersonaRow, store_url: str) -> GateDecisionRow:
    """On a version that is right of 40 items, against one that is right of a quarter of them."""
    items = [
        Item(
            f"key {number}",
            ItemSource.BANK,
            Question(f"Which is {number}?", "music", "student"),
            "So.",
            "oslo",
        )
        for number in range(40)
    ]
    suite = freeze_suite(session, persona, items, at=AT)

    def answered(number: int, right: int) -> int:
        said = ["Oslo."] * right + ["Rome."] * (40 - right)
        scores = [
            score(item, answer, seed=1, markers=(), log_probabilities=())
            for item, answer in zip(items, said, strict=True)
        ]
        version = add_version(session, persona, number=number)
        return store_report(
            session, version_id=version.id, suite_digest=suite, settings_digest="s", scores=scores, at=AT
        )

    champion = answered(1, 10)
    return decide_and_store(
        session,
        candidate_report=answered(2, 40),
        champion_report=champion,
        anchor_report=champion,
        policy=GatePolicy((Requirement("fact_hit", limit=0.5, minimum_items=20),)),
        store_url=store_url,
        at=AT,
    )


def evidence_of(decided: GateDecisionRow, store_url: str) -> Path:
    assert decided.evidence_path is not None
    return Path(store_url.removeprefix("file://")) / decided.evidence_path


def test_a_decision_is_made_again_from_its_evidence_to_the_last_digit(
    session: Session, decided: GateDecisionRow, store_url: str
):
    assert decided.verdict == "PASS"
    assert set(decided.used) == {f"key {number}" for number in range(40)}
    again = decide_again(session, decided, store_url=store_url)
    assert not again.unbound
    made = again.decision
    assert [asdict(check) for check in made.checks] == decided.checks
    assert (made.verdict, made.opened, list(made.used)) == (decided.verdict, decided.opened, decided.used)


def test_evidence_tells_numbers_and_digests_and_not_what_anybody_wrote(
    decided: GateDecisionRow, store_url: str
):
    written = evidence_of(decided, store_url).read_text()
    head = json.loads(written.partition("\n")[0])
    assert head["verdict"] == "PASS"
    assert set(head["bound"]) >= {"adapter", "base", "suite", "candidate's report", "anchor's report"}
    assert "Which is 3?" not in written
    assert "Oslo" not in written


def test_scores_that_were_changed_do_not_change_the_verdict_and_are_told(
    session: Session, decided: GateDecisionRow, store_url: str
):
    report = decided.candidate_report
    with unguarded(session):
        report.items = [record | {"fact_hit": 0.0} for record in report.items]
    session.flush()
    again = decide_again(session, decided, store_url=store_url)
    assert again.decision.verdict == "PASS"
    assert again.unbound == ("candidate's report",)


def test_an_adapter_that_was_exchanged_is_told(session: Session, decided: GateDecisionRow, store_url: str):
    with unguarded(session):
        decided.candidate_report.version.digest = "another"
    assert decide_again(session, decided, store_url=store_url).unbound == ("adapter",)


def test_evidence_that_was_changed_is_refused(session: Session, decided: GateDecisionRow, store_url: str):
    file = evidence_of(decided, store_url)
    file.write_text(file.read_text().replace('"verdict":"PASS"', '"verdict":"FAIL"'))
    with pytest.raises(FrozenFileCorrupt):
        decide_again(session, decided, store_url=store_url)


def test_a_decision_of_before_evidence_files_is_made_again_from_its_reports(
    session: Session, decided: GateDecisionRow, store_url: str
):
    session.execute(text("SET LOCAL session_replication_role = replica"))
    decided.evidence_path = decided.evidence_digest = None
    session.flush()
    evidence = Path(store_url.removeprefix("file://")) / "_evidence"
    for file in evidence.iterdir():
        file.unlink()
    assert decide_again(session, decided, store_url=store_url).decision.verdict == "PASS"


def test_a_decision_of_another_version_of_the_gate_is_not_made_again(
    session: Session, decided: GateDecisionRow, store_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.evaluation.decisions.GATE_VERSION", decided.gate_version + 1)
    made, this = decided.gate_version, decided.gate_version + 1
    with pytest.raises(GateChanged, match=f"made by version {made} of the gate, and this is version {this}"):
        decide_again(session, decided, store_url=store_url)


def test_the_same_reports_and_policy_give_one_decision(
    session: Session, decided: GateDecisionRow, store_url: str
):
    again = decide_and_store(
        session,
        candidate_report=decided.candidate_report_id,
        champion_report=decided.champion_report_id,
        anchor_report=decided.anchor_report_id,
        policy=parse_policy(decided.policy),
        store_url=store_url,
        at=AT,
    )
    assert again.id == decided.id


def test_a_policy_of_before_improves_what_it_named_first():
    stored = {"requirements": [{"metric": "fact_hit", "limit": 0.5}, {"metric": "style_hit", "margin": 0.05}]}
    assert parse_policy(stored).improves == "fact_hit"
    assert parse_policy(stored | {"target": "style_hit"}).improves == "style_hit"
    with pytest.raises(InvalidPolicy):
        parse_policy(stored | {"tragte": "style_hit"})


@pytest.mark.parametrize("name", ["perplexity", "distinct_2", "judged_better", "adherence_auc"])
def test_a_policy_cannot_require_what_is_not_measured_item_by_item(name: str):
    with pytest.raises(InvalidPolicy, match="item by item"):
        Requirement(name, limit=1.0)
