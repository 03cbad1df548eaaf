"""A decision composed for its page."""

import pytest
from sqlalchemy.orm import Session

from services.adapters.promoting import promote
from services.domain.checks import Verdict
from services.domain.evaluation import METRICS
from services.errors.lookups import UnknownRecord
from services.evaluation.report_page import DecisionPage, decision_page
from services.evaluation.side_by_side import SHOWN
from services.evaluation.wording import TITLES
from tests.builders import AT, add_persona
from tests.judged_versions import Judged, add_judged
from tests.lineage_builders import add_decision, add_version, unguarded


@pytest.fixture
def judged(session: Session) -> Judged:
    return add_judged(session, add_persona(session), at=AT)


@pytest.fixture
def page(session: Session, judged: Judged) -> DecisionPage:
    return decision_page(session, judged.decision.id)


def test_it_says_what_the_verdict_means_and_against_whom(page: DecisionPage):
    assert page.verdict is Verdict.INSUFFICIENT
    assert page.meaning.startswith("Too little is known for v1 to take the place of the plain base")
    assert "right facts, general ability" in page.meaning
    assert "more items of right facts would tell" in page.meaning
    assert (page.candidate, page.champion, page.anchor) == (1, 0, None)


def test_improved_answers_come_by_the_target_first_and_then_by_the_rest(page: DecisionPage):
    assert len(page.improved) == len(page.worsened) == SHOWN
    first = dict(page.improved[0].differences)
    assert first["style_hit"] == 1.0
    assert first["fact_hit"] == 1.0
    assert page.improved[0].differences[0][0] == "style_hit"
    assert page.worsened[0].answers.candidate != page.worsened[0].answers.champion
    assert dict(page.worsened[0].differences).get("style_hit", 0.0) <= 0


def test_nothing_sealed_is_ever_shown(page: DecisionPage, judged: Judged):
    sealed = {item.key for item in judged.sealed}
    assert sealed
    assert not sealed & {change.answers.key for change in (*page.improved, *page.worsened)}


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
    page = decision_page(session, decision.id)
    assert page.meaning.endswith("it may serve people.")
    assert page.moves == (row,)
    assert page.improved == page.worsened == ()


def test_reports_without_the_items_of_their_suite_leave_a_sentence(session: Session, judged: Judged):
    with unguarded(session):
        judged.decision.champion_report.items = []
    page = decision_page(session, judged.decision.id)
    assert page.missing.startswith("Single answers cannot be shown")
    assert page.checks


def test_an_unknown_decision_is_told(session: Session):
    with pytest.raises(UnknownRecord):
        decision_page(session, 404)


def test_every_metric_has_a_title_for_people():
    assert set(METRICS) <= set(TITLES)
