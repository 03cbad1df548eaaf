"""What waits for review: disputes between raters, and everything that was said by who is under review."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, CurrentRatingRow, PersonaRow
from services.domain.feedback import AnswerId, RaterId
from services.domain.reviews import Verdict, Why
from services.feedback.questions import new_rater
from services.feedback.review_item import SaidWord, item
from services.feedback.review_queue import count_waiting, waiting
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_persona,
    add_rating,
    add_review,
    add_word_review,
)


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


def _said(session: Session, persona: PersonaRow, answer: AnswerRow) -> list[SaidWord]:
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


def test_what_was_overruled_stays_so_when_its_rater_is_banned_by_it_and_restored_elsewhere(
    session: Session, persona: PersonaRow, pair: tuple[AnswerRow, AnswerRow]
):
    answer, _ = pair
    rater = new_rater(session, at=AT)
    rated = _rate(session, answer, rater, stars=1)
    add_word_review(session, rated, Verdict.OVERRULED, reason="a joke")
    add_word_review(session, rated, Verdict.BANNED, reason="spam")
    add_review(session, rater, "excluded")
    (banned,) = _said(session, persona, answer)
    assert [row.reason for row in banned.decisions] == ["a joke", "spam"]
    add_review(session, rater, "trusted")
    (restored,) = _said(session, persona, answer)
    assert [row.reason for row in restored.decisions] == ["a joke"]
    assert restored.may_be_restored
    _rate(session, answer, new_rater(session, at=AT), at=AT + timedelta(minutes=1))
    assert _whys(session, persona) == {}
