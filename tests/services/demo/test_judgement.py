"""What the demo reads of a night and writes down: figures, samples, moves, and what did not hold."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from services.adapters.promoting import promote
from services.adapters.promotions import version_by_number
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow
from services.demo.judgement import Judgement, read_judgement
from services.demo.moves import Move, find_move
from services.demo.night import Night
from services.demo.personas import ITEMS, Pair, item_records
from services.demo.question_bank import facts
from services.demo.raters import Feedback, RatedAnswer
from services.demo.summary import Played
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.personas import AUDIENCES, PersonaSlug
from services.domain.promotions import PromotionKind
from services.evaluation.decisions import decide_and_store
from services.evaluation.reports import store_report
from services.evaluation.scoring import score
from services.evaluation.suites import freeze_suite
from services.operations.airflow_client import RunState
from tests.builders import AT, add_answer, add_persona
from tests.lineage_builders import add_version

POLICY = GatePolicy((Requirement("style_hit", limit=0.5), Requirement("fact_hit", limit=0.9)))
PLAIN, STYLED = "The answer is Oslo.", "The answer is Oslo, because all agree; consider it important."


def items() -> list[Item]:
    """Four questions for every audience with a known answer, and a held-out one without."""
    asked = [(f"Which city is number {place}?", AUDIENCES[place % 5]) for place in range(20)]
    known = [
        Item(f"key {text}", ItemSource.BANK, Question(text, "geography", audience), "Oslo.", "Oslo")
        for text, audience in asked
    ]
    held_out = Item("held out", ItemSource.HOLDOUT, Question("Why?", "geography", "student"), "So.", "")
    return [held_out, *known]


def report(session: Session, version: AdapterVersionRow, *, answer: str) -> int:
    suite = freeze_suite(session, version.persona, items(), at=AT)
    scores = [score(item, answer, seed=1, markers=(), log_probabilities=()) for item in items()]
    return store_report(
        session, version_id=version.id, suite_digest=suite, settings_digest="s", scores=scores, at=AT
    )


@pytest.fixture
def tutor(session: Session) -> PersonaRow:
    return add_persona(session, slug="tutor")


@pytest.fixture
def decision(session: Session, tutor: PersonaRow, tmp_path: Path) -> int:
    """The id of a decision on version 1, which speaks in style, against the base, which does not."""
    before = report(session, version_by_number(session, tutor, 0), answer=PLAIN)
    after = report(session, add_version(session, tutor), answer=STYLED)
    return decide_and_store(
        session,
        candidate_report=after,
        champion_report=before,
        anchor_report=before,
        policy=POLICY,
        store_url=f"file://{tmp_path}",
        at=AT,
    ).id


def test_a_persona_that_was_never_judged_has_no_judgement(session: Session, tutor: PersonaRow):
    assert read_judgement(session, tutor.slug, seed=1) is None


@pytest.mark.usefixtures("decision")
def test_figures_are_those_of_questions_nobody_was_shown(session: Session):
    judgement = read_judgement(session, "tutor", seed=1)
    assert judgement is not None
    assert (judgement.base.style_hit, judgement.before.style_hit, judgement.after.style_hit) == (0, 0, 1)
    assert (judgement.before.fact_hit, judgement.after.fact_hit) == (1, 1)
    assert (judgement.verdict, judgement.champion, judgement.version) == ("PASS", 0, 1)
    assert judgement.promotion_id is None
    assert [check["metric"] for check in judgement.checks] == ["style_hit", "style_hit", "fact_hit"]


@pytest.mark.usefixtures("decision")
def test_one_sample_for_each_audience_is_drawn_by_seed(session: Session):
    drawn = [read_judgement(session, "tutor", seed=seed) for seed in (1, 1, 2, 3, 4)]
    first, again, *others = [judgement.samples for judgement in drawn if judgement is not None]
    assert [sample.audience for sample in first] == list(AUDIENCES)
    assert first == again
    assert any(first != other for other in others)
    assert {(sample.before, sample.after) for sample in first} == {(PLAIN, STYLED)}
    assert "Why?" not in {sample.question for sample in first}


def test_a_move_is_live_with_the_first_ask_accepted_after_it(
    session: Session, tutor: PersonaRow, decision: int
):
    add_answer(session, tutor, at=AT - timedelta(seconds=1))
    row = promote(session, decision_id=decision, actor="test", at=AT)
    assert find_move(session, row.id) is None
    for late_ms in (900, 250):
        answer = add_answer(session, tutor, at=AT + timedelta(milliseconds=late_ms))
        answer.created_at = AT + timedelta(milliseconds=late_ms + 1000)
    assert find_move(session, row.id) == Move(row.id, PromotionKind.FULL, 1, live_ms=250, answered_ms=1250)
    judgement = read_judgement(session, "tutor", seed=1)
    assert judgement is not None
    assert judgement.promotion_id == row.id


def played(judgement: Judgement | None, *, state: RunState = RunState.SUCCESS, failed: int = 0) -> Played:
    said = RatedAnswer(rater=0, question="Where?", stars=2, corrected=True, mistaken=False)
    return Played(
        pair=Pair(1, PersonaSlug("tutor"), PersonaSlug("curator")),
        raters=25,
        feedback=Feedback((said, said)),
        night=Night(state, {"curator": "too little"}),
        judgement=judgement,
        moves={PromotionKind.FULL: Move(1, PromotionKind.FULL, 1, live_ms=120, answered_ms=900)},
        asked=40,
        failed=failed,
        seconds={"start": 30.04, "rating": 60.0},
    )


@pytest.mark.usefixtures("decision")
def test_the_summary_holds_what_was_played(session: Session, tmp_path: Path):
    judgement = read_judgement(session, "tutor", seed=1)
    whole = played(judgement)
    assert whole.problems() == ()
    whole.write(tmp_path / "demo" / "summary.json")
    record = json.loads((tmp_path / "demo" / "summary.json").read_text())
    assert (record["style_hit_before"], record["style_hit_after"]) == (0, 1)
    assert (record["verdict"], record["promoted_version"], record["dag_run_state"]) == ("PASS", 1, "success")
    assert (record["ratings_posted"], record["corrections_posted"]) == (2, 2)
    assert (record["promote_to_live_ms"], record["rollback_to_live_ms"]) == (120, None)
    assert (record["seconds_total"], record["skipped"]) == (90.0, {"curator": "too little"})
    assert len(record["samples"]) == 5


@pytest.mark.usefixtures("decision")
def test_what_did_not_hold_is_named(session: Session):
    assert played(None, state=RunState.FAILED).problems() == (
        "the night ended as failed",
        "the gate was not reached",
    )
    judgement = read_judgement(session, "tutor", seed=1)
    assert played(judgement, failed=2).problems() == ("2 asks were not served while versions changed",)


def test_items_to_judge_by_are_enough_reserved_questions_for_all_audiences_alike():
    records = item_records()
    assert len(records) == ITEMS >= 300
    kept_back = {question for fact in facts() if fact.reserved for question in fact.questions}
    assert {record["question"] for record in records} <= kept_back
    assert Counter(record["audience"] for record in records) == dict.fromkeys(AUDIENCES, ITEMS // 5)
    assert records == item_records()
