"""What waits for review: disputes between raters, and everything that was said by who is under review."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, CurrentRatingRow, PersonaRow
from services.domain.feedback import AnswerId, RaterId
from services.domain.reviews import ReviewVerdict, Why
from services.feedback.questions import new_rater
from services.feedback.review_item import ReviewedSource, item
from services.feedback.review_queue import causes_of, count_waiting, waiting
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_feedback_review,
    add_persona,
    add_rating,
    add_retraction,
    add_review,
)
from tests.lineage_builders import add_training_set


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session)


@pytest.fixture
def pair(session: Session, persona: PersonaRow) -> tuple[AnswerRow, AnswerRow]:
    return add_answer(session, persona, text="One."), add_answer(session, persona, text="Other.")


def _whys(session: Session, persona: PersonaRow) -> dict[AnswerId, tuple[Why, ...]]:
    found = {one.answer_id: one.whys for one in waiting(session, persona, at=AT)}
    assert count_waiting(session, persona) == len(found)
    return found


def _rate(session: Session, answer: AnswerRow, rater: RaterId, *, stars: int = 5, at: datetime = AT) -> str:
    source = add_rating(session, answer, stars=stars, rater=rater, at=at)
    number = int(source.partition(":")[2])
    session.add(CurrentRatingRow(answer_id=answer.id, rater_id=rater, rating_id=number))
    session.flush()
    return source


def _causes(session: Session, persona: PersonaRow, answer: AnswerRow) -> list[str]:
    return [cause.source.name for cause in causes_of(session, persona, AnswerId(answer.id))]


def _said(session: Session, persona: PersonaRow, answer: AnswerRow) -> list[ReviewedSource]:
    return list(item(session, persona, AnswerId(answer.id), at=AT).said)


def test_who_changes_their_mind_about_a_pair_disputes_with_nobody(
    session: Session, persona: PersonaRow, pair: tuple[AnswerRow, AnswerRow]
):
    one, other = pair
    rater = new_rater(session, at=AT)
    add_comparison(session, one, other, "left", rater=rater)
    add_comparison(session, other, one, "left", rater=rater)
    assert _whys(session, persona) == {}
    add_comparison(session, one, other, "left")
    assert list(_whys(session, persona).values()) == [(Why.DISPUTED,)]
    add_comparison(session, other, one, "tie", rater=rater)
    assert _whys(session, persona) == {}


def test_a_choice_that_was_taken_back_disputes_with_nobody_and_is_not_shown(
    session: Session, persona: PersonaRow, pair: tuple[AnswerRow, AnswerRow]
):
    one, other = pair
    rater = new_rater(session, at=AT)
    first = add_comparison(session, one, other, "left", rater=rater)
    second = add_comparison(session, one, other, "right", rater=rater)
    add_comparison(session, one, other, "left")
    assert list(_whys(session, persona).values()) == [(Why.DISPUTED,)]
    add_retraction(session, second)
    assert _whys(session, persona) == {}
    assert [said.source.name for said in _said(session, persona, one) if said.rater == rater] == [first]


def test_what_was_overruled_stays_so_when_its_rater_is_banned_by_it_and_restored_elsewhere(
    session: Session, persona: PersonaRow, pair: tuple[AnswerRow, AnswerRow]
):
    answer, _ = pair
    rater = new_rater(session, at=AT)
    rated = _rate(session, answer, rater, stars=1)
    add_feedback_review(session, rated, ReviewVerdict.OVERRULED, reason="a joke")
    add_feedback_review(session, rated, ReviewVerdict.BANNED, reason="spam")
    add_review(session, rater, "excluded")
    (banned,) = _said(session, persona, answer)
    assert [row.reason for row in banned.decisions] == ["a joke", "spam"]
    add_review(session, rater, "trusted")
    (restored,) = _said(session, persona, answer)
    assert [row.reason for row in restored.decisions] == ["a joke"]
    assert restored.may_be_restored
    _rate(session, answer, new_rater(session, at=AT), at=AT + timedelta(minutes=1))
    assert _whys(session, persona) == {}


def test_whatever_who_is_under_review_said_waits_once_for_each_answer(
    session: Session, persona: PersonaRow, pair: tuple[AnswerRow, AnswerRow]
):
    one, other = pair
    held = [new_rater(session, at=AT) for _ in range(2)]
    rated = [_rate(session, one, rater) for rater in held]
    _rate(session, other, held[0], at=AT + timedelta(minutes=1))
    compared = add_comparison(session, other, one, "tie", rater=held[0])
    left_out = {str(rater): "a rater under review" for rater in held}
    add_training_set(session, persona, report={"raters": {"left_out": left_out}})
    waits = (Why.QUARANTINED,)
    assert _whys(session, persona) == {one.id: waits, other.id: waits}
    assert _causes(session, persona, one) == [rated[1]]
    assert _causes(session, persona, other)[0] == compared
    for source in (rated[1], compared):
        add_feedback_review(session, source, ReviewVerdict.OVERRULED)
    assert _causes(session, persona, one) == [rated[0]]
    assert len(_causes(session, persona, other)) == 1
    for rater in held:
        add_review(session, rater, "trusted")
    assert _whys(session, persona) == {}


def test_what_who_is_under_review_said_anew_or_of_another_persona_does_not_wait(
    session: Session, persona: PersonaRow, pair: tuple[AnswerRow, AnswerRow]
):
    one, other = pair
    held = new_rater(session, at=AT)
    add_rating(session, one, rater=held)  # which a newer one, or an undo, took the place of
    add_comparison(session, other, one, rater=held)
    newest = add_comparison(session, one, other, rater=held)
    _rate(session, add_answer(session, add_persona(session, slug="professor")), held)
    add_training_set(session, persona, report={"raters": {"left_out": {str(held): "a rater under review"}}})
    assert _whys(session, persona) == {one.id: (Why.QUARANTINED,)}
    assert _causes(session, persona, one) == [newest]
