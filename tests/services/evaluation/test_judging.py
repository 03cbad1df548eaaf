"""What people choose between two versions, blind."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.judgement_tables import JudgementRow
from services.domain.feedback import Choice
from services.errors.lookups import UnknownItem
from services.errors.refusals import ReportsNotComparable
from services.evaluation import judging
from services.evaluation.judging import Contest, Preferred, Turn
from tests.builders import AT, add_persona
from tests.judged_versions import Judged, add_judged


@pytest.fixture
def judged(session: Session) -> Judged:
    return add_judged(session, add_persona(session), at=AT)


@pytest.fixture
def between(session: Session, judged: Judged) -> Contest:
    decision = judged.decision
    return judging.contest(
        session,
        candidate_report=decision.candidate_report_id,
        champion_report=decision.champion_report_id,
    )


def turn_of(session: Session, between: Contest, judge: str = "Ada") -> Turn:
    turn = judging.next_turn(session, between, judge=judge)
    assert turn is not None
    return turn


def judge(
    session: Session, between: Contest, choice: Choice, *, name: str = "Ada", turn: Turn | None = None
) -> Turn:
    turn = turn or turn_of(session, between, name)
    judging.judge_item(session, between, key=turn.key, judge=name, choice=choice, at=AT)
    session.flush()
    return turn


def test_a_judge_sees_open_answers_that_differ_each_once(session: Session, judged: Judged, between: Contest):
    shown = {}
    while turn := judging.next_turn(session, between, judge="Ada"):
        assert turn.judged == len(shown)
        assert turn.left.strip() != turn.right.strip()
        shown[turn.key] = turn
        judge(session, between, Choice.TIE, turn=turn)
    assert 0 < len(shown) == turn_of(session, between, "Bob").items
    assert not {item.key for item in judged.sealed} & set(shown)


def test_sides_are_drawn_by_judge_and_item_and_stay(session: Session, between: Contest):
    keys = [answers.key for answers in between.different_answers(session)]
    sides = [[judging.candidate_is_left(between, name, key) for key in keys] for name in ("Ada", "Bob")]
    assert sides[0] != sides[1]
    assert 0.35 < sum(sides[0]) / len(keys) < 0.65
    assert turn_of(session, between) == turn_of(session, between)


def test_the_side_is_resolved_to_the_version(session: Session, between: Contest):
    lefts = {}
    for _ in range(12):
        turn = judge(session, between, Choice.LEFT)
        lefts[turn.key] = turn.left
    answers = {one.key: one for one in between.different_answers(session)}
    rows = session.scalars(select(JudgementRow)).all()
    assert {row.choice for row in rows} == {Preferred.CANDIDATE, Preferred.CHAMPION}
    for row in rows:
        chosen = answers[row.item_key]
        text = chosen.candidate if row.choice == Preferred.CANDIDATE else chosen.champion
        assert text == lefts[row.item_key]


def test_of_two_choices_of_a_judge_the_first_counts_and_others_have_their_own(
    session: Session, between: Contest
):
    turn = judge(session, between, Choice.BOTH_BAD)
    judge(session, between, Choice.TIE, turn=turn)
    judge(session, between, Choice.TIE, name="Bob", turn=turn)
    people = judging.what_people_prefer(session, between)
    assert people is not None
    assert people.counts == {
        Preferred.CANDIDATE: 0,
        Preferred.CHAMPION: 0,
        Preferred.TIE: 1,
        Preferred.BOTH_BAD: 1,
    }
    assert (people.judges, people.judgements) == (2, 2)


def test_a_few_judgements_have_no_interval_and_many_have_a_narrow_one(session: Session, between: Contest):
    assert judging.what_people_prefer(session, between) is None
    widths = []
    for wanted in (3, 20, 120):
        while (people := judging.what_people_prefer(session, between)) is None or people.judgements < wanted:
            turn = turn_of(session, between)
            left = judging.candidate_is_left(between, "Ada", turn.key)
            judge(session, between, Choice.LEFT if left else Choice.RIGHT, turn=turn)
        assert people.share == 1.0
        widths.append(None if people.low is None or people.high is None else people.high - people.low)
    assert widths[0] is None
    assert widths[1] is not None
    assert widths[2] is not None
    assert 0 < widths[2] < widths[1] < 0.5


def test_what_is_not_shown_cannot_be_judged(session: Session, judged: Judged, between: Contest):
    for key in (judged.sealed[0].key, "no item"):
        with pytest.raises(UnknownItem):
            judging.judge_item(session, between, key=key, judge="Ada", choice=Choice.TIE, at=AT)


def test_a_report_is_not_judged_against_itself(session: Session, between: Contest):
    report = between.candidate.id
    with pytest.raises(ReportsNotComparable):
        judging.contest(session, candidate_report=report, champion_report=report)
