import math

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.gate_policy import GatePolicy, Requirement
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import ReportsNotComparable
from services.evaluation.decisions import decide_and_store, parse_policy
from services.evaluation.reports import store_report
from services.evaluation.scoring import score
from services.evaluation.suites import freeze_suite
from tests.builders import AT, add_persona, add_report, add_version

LOSS = GatePolicy((Requirement("held_out_loss", limit=10.0, margin=0.1),))


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
    session: Session, persona: PersonaRow, log_probability: float
):
    candidate = report_with_loss(session, add_version(session, persona, number=1), log_probability)
    champion = report_with_loss(session, add_version(session, persona, number=2), -1.0)
    decision = decide_and_store(
        session, candidate_report=candidate, champion_report=champion, policy=LOSS, at=AT
    )
    session.refresh(decision)
    assert decision.verdict == "FAIL"
    assert decision.checks[0]["measured"] is None
    stored = session.get_one(EvaluationReportRow, candidate)
    session.refresh(stored)
    assert (stored.items[0]["loss"], stored.items[0]["loss_tokens"]) == (None, 1)


def test_a_report_against_itself_is_refused_and_nothing_is_stored(session: Session, persona: PersonaRow):
    report = add_report(session, add_version(session, persona), held_out_loss=1.0)
    with pytest.raises(ReportsNotComparable):
        decide_and_store(session, candidate_report=report.id, champion_report=report.id, policy=LOSS, at=AT)


@pytest.mark.parametrize(
    "requirement",
    [{"metric": "fact_hit", "limit": math.nan}, {"metric": "fact_hit", "limit": "0.5"}],
)
def test_a_policy_whose_bounds_are_no_numbers_is_refused(requirement: dict[str, object]):
    with pytest.raises(InvalidPolicy):
        parse_policy({"requirements": [requirement]})
