"""A decision composed for its page."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from services.adapters.canaries import parse_canary_policy
from services.adapters.promoting import promote
from services.adapters.promotions import rollback
from services.db.lineage_tables import EvaluationReportRow
from services.domain.checks import Verdict
from services.domain.evaluation import METRICS
from services.domain.personas import PersonaSlug
from services.errors.lookups import UnknownRecord
from services.evaluation.arms import KeptSentences
from services.evaluation.report_page import ChangedAnswers, DecisionPage, changed_answers, decision_page
from services.evaluation.side_by_side import SHOWN
from services.evaluation.wording import TITLES
from tests.builders import AT, add_persona
from tests.judged_versions import Judged, add_judged
from tests.lineage_builders import add_canary, add_decision, add_serving_version, add_version, unguarded

HOUR = timedelta(hours=1)


@pytest.fixture
def judged(session: Session) -> Judged:
    return add_judged(session, add_persona(session), at=AT)


@pytest.fixture
def page(session: Session, judged: Judged) -> DecisionPage:
    return decision_page(session, judged.decision.id, at=AT)


@pytest.fixture
def answers(session: Session, judged: Judged) -> ChangedAnswers:
    return changed_answers(session, judged.decision.id)


def test_it_says_what_the_verdict_means_and_against_whom(page: DecisionPage):
    assert page.verdict is Verdict.INSUFFICIENT
    assert page.meaning.startswith("Too little is known for v1 to take the place of the plain base")
    assert "right facts, general ability" in page.meaning
    assert "more items of right facts would tell" in page.meaning
    assert (page.candidate, page.champion, page.anchor) == (1, 0, None)


def test_improved_answers_come_by_the_target_first_and_then_by_the_rest(answers: ChangedAnswers):
    assert len(answers.improved) == len(answers.worsened) == SHOWN
    first = dict(answers.improved[0].differences)
    assert first["style_hit"] == 1.0
    assert first["fact_hit"] == 1.0
    assert answers.improved[0].differences[0][0] == "style_hit"
    assert answers.worsened[0].answers.candidate != answers.worsened[0].answers.champion
    assert dict(answers.worsened[0].differences).get("style_hit", 0.0) <= 0


def test_nothing_sealed_is_ever_shown(answers: ChangedAnswers, judged: Judged):
    sealed = {item.key for item in judged.sealed}
    assert sealed
    assert not sealed & {change.answers.key for change in (*answers.improved, *answers.worsened)}


def test_slices_are_those_of_the_target(page: DecisionPage):
    student = next(one for one in page.slices if one.name == "audience: student")
    assert student.items == 107
    assert student.candidate is not None
    assert student.champion is not None
    assert student.candidate > student.champion


def test_a_passed_decision_says_so_and_names_where_it_led(session: Session):
    persona = add_persona(session)
    decision = add_decision(session, add_version(session, persona), verdict="PASS")
    row = promote(session, decision_id=decision.id, actor="night", at=AT)
    page = decision_page(session, decision.id, at=AT)
    assert page.meaning.endswith("it may serve people.")
    assert page.standing.moves == (row,)
    told = "It was carried out: `persona-loop ledger show pirate` says what became of it."
    assert page.standing.next_step == told
    answers = changed_answers(session, decision.id)
    assert answers.improved == answers.worsened == ()


def test_reports_without_the_items_of_their_suite_leave_a_sentence(session: Session, judged: Judged):
    with unguarded(session):
        judged.decision.champion_report.items = []
    assert changed_answers(session, judged.decision.id).missing.startswith("Single answers cannot be shown")
    assert decision_page(session, judged.decision.id, at=AT).checks


def test_the_champion_is_said_to_have_answered_people_only_where_it_did(session: Session, judged: Judged):
    persona = judged.version.persona
    assert decision_page(session, judged.decision.id, at=AT).champion_served
    passed = add_decision(session, add_version(session, persona, number=2), verdict="PASS")
    promote(session, decision_id=passed.id, actor="night", at=AT - HOUR)
    assert not decision_page(session, judged.decision.id, at=AT).champion_served


@pytest.mark.parametrize(
    ("verdict", "policy", "step"),
    [
        ("PASS", None, "`persona-loop promote {}`: it serves everyone."),
        (
            "PASS",
            {"share": 0.1},
            "`persona-loop promote {}`: some of the conversations (10%) go to it first, in a canary.",
        ),
        ("INSUFFICIENT", {"share": 0.1}, '`persona-loop canary start {} --reason "…"` tries it'),
        ("FAIL", None, "Nobody can let it serve"),
    ],
)
def test_the_next_step_is_what_can_be_done(
    session: Session, verdict: str, policy: dict[str, float] | None, step: str
):
    persona = add_persona(session, canary_policy=parse_canary_policy(policy) if policy else None)
    decision = add_decision(
        session, add_version(session, persona), verdict=verdict, policy={"approval": True}
    )
    standing = decision_page(session, decision.id, at=AT).standing
    assert standing.next_step.startswith(step.format(decision.id))
    assert standing.waits is (verdict != "FAIL")


def test_an_open_canary_and_another_champion_change_the_next_step(session: Session):
    persona = add_persona(session)
    canary = add_canary(session, persona, number=1)
    assert canary.decision_id
    step = decision_page(session, canary.decision_id, at=AT).standing.next_step
    assert step == "Its canary is open: `persona-loop canary show pirate` says how it goes."
    rollback(session, persona=PersonaSlug("pirate"), to_version=None, reason="x", actor="me", at=AT)
    tried = add_decision(session, add_version(session, persona, number=4), verdict="INSUFFICIENT")
    add_canary(session, persona, number=5)
    step = decision_page(session, tried.id, at=AT).standing.next_step
    assert step.startswith("Version 5 of 'pirate' is in a canary: wait until that is decided")
    rollback(session, persona=PersonaSlug("pirate"), to_version=None, reason="x", actor="me", at=AT)
    old = add_decision(session, add_version(session, persona, number=2), verdict="PASS")
    add_serving_version(session, persona, number=3)
    assert "let the gate decide anew" in decision_page(session, old.id, at=AT).standing.next_step


def test_what_other_arms_reached_is_read_once_and_heard_anew_when_another_was_asked(
    session: Session, judged: Judged
):
    kept, decision = KeptSentences(), judged.decision
    (without,) = kept.on(session, decision)
    assert without.startswith("Nothing says whether examples in the prompt would do as well")
    add_arm(session, decision.candidate_report)
    (said,) = kept.on(session, decision)
    assert said != without
    with unguarded(session):
        decision.candidate_report.items = []
    assert kept.on(session, decision) == (said,)
    assert KeptSentences().on(session, decision) != (said,)
    decision.redacted_at = AT
    assert kept.on(session, decision) == ()


def add_arm(session: Session, report: EvaluationReportRow) -> None:
    """The report of another arm, which answered as the version did."""
    told = ("adapter_version_id", "suite_digest", "prompt_version", "settings_digest", "metrics", "items")
    session.add(
        EvaluationReportRow(
            **{name: getattr(report, name) for name in told}, arm="three examples", created_at=AT
        )
    )
    session.flush()


def test_an_unknown_decision_is_told(session: Session):
    with pytest.raises(UnknownRecord):
        decision_page(session, 404, at=AT)


def test_every_metric_has_a_title_for_people():
    assert set(METRICS) <= set(TITLES)
