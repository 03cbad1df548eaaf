"""What reviewers decided of single things that were said: in the next sets, and not in those of before."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, PersonaRow
from services.domain.reviews import ReviewVerdict
from services.feedback.questions import new_rater
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_correction,
    add_feedback_review,
    add_rating,
    add_review,
    add_seed,
)
from tests.services.training_sets.champions import crown, going_on, sources
from tests.services.training_sets.conftest import MAX_TOKENS, Nights

OVERRULED = {"a reviewer overruled it"}
LATER = AT + timedelta(minutes=30)


@pytest.fixture
def answers(session: Session, persona: PersonaRow, asked: Iterator[str]) -> list[AnswerRow]:
    """Two answers; a seed and a correction of others are enough for a night."""
    add_seed(session, persona, next(asked), "Seed.")
    add_correction(session, add_answer(session, persona, question=next(asked)), "Fine.")
    return [add_answer(session, persona, question=one) for one in islice(asked, 2)]


def test_what_was_overruled_counts_no_more_and_a_set_of_before_stays_what_it_was(
    session: Session, nights: Nights, answers: list[AnswerRow]
):
    rater = new_rater(session, at=AT)
    older = add_correction(session, answers[0], "Older.", rater=rater)
    newer = add_correction(session, answers[0], "Newer.", rater=rater, at=AT + timedelta(minutes=1))
    praise = [add_rating(session, answers[1]) for _ in range(2)]
    compared = add_comparison(session, answers[0], answers[1])
    before = nights.assemble(minutes=29)
    for source in (newer, *praise, compared):
        add_feedback_review(session, source, ReviewVerdict.OVERRULED, at=LATER)
    after, again = nights.assemble(minutes=31), nights.assemble(minutes=29, max_tokens=MAX_TOKENS + 1)
    assert {newer, *praise} <= sources(nights.rows(before))
    assert (again.digest, nights.excluded(again)) == (before.digest, nights.excluded(before))
    assert {newer, older, *praise}.isdisjoint(sources(nights.rows(after)))
    excluded = nights.excluded(after)
    assert all(excluded[source] == OVERRULED for source in (newer, *praise, compared))
    assert excluded[older] == {"the rater said something newer of the same"}


def test_what_was_restored_counts_again(session: Session, nights: Nights, answers: list[AnswerRow]):
    said = add_correction(session, answers[0], "Better.")
    add_feedback_review(session, said, ReviewVerdict.OVERRULED)
    add_feedback_review(session, said, ReviewVerdict.RESTORED, at=LATER)
    assert said not in sources(nights.rows(nights.assemble(minutes=29)))
    assert said in sources(nights.rows(nights.assemble(minutes=31)))


def test_what_was_overruled_stays_so_when_its_rater_is_banned_by_it_and_restored_elsewhere(
    session: Session, nights: Nights, answers: list[AnswerRow]
):
    rater = new_rater(session, at=AT)
    said = [add_correction(session, answer, "Better.", rater=rater) for answer in answers]
    add_feedback_review(session, said[0], ReviewVerdict.OVERRULED)
    add_feedback_review(session, said[0], ReviewVerdict.BANNED)
    add_review(session, rater, "excluded")
    add_feedback_review(session, said[1], ReviewVerdict.RESTORED, at=LATER)
    add_review(session, rater, "trusted", at=LATER)
    learnt = [set(said) & sources(nights.rows(nights.assemble(minutes=one))) for one in (29, 31)]
    assert learnt == [set(), {said[1]}]


def test_what_was_agreed_with_counts_beyond_the_daily_limit_unless_its_rater_was_banned(
    session: Session, nights: Nights, persona: PersonaRow, answers: list[AnswerRow], asked: Iterator[str]
):
    persona.example_policy = persona.example_policy | {"daily_limit": 1}
    rater = new_rater(session, at=AT)
    praised = [add_answer(session, persona, question=one) for one in islice(asked, 2)]
    said = [
        *(add_correction(session, answer, "Better.", rater=rater) for answer in answers),
        *(add_rating(session, answer, rater=rater) for answer in praised),
    ]
    for answer in praised:
        add_rating(session, answer)  # two have to agree
    before = nights.assemble(minutes=29)
    for source in said:
        add_feedback_review(session, source, ReviewVerdict.AGREED, at=LATER)
    after = nights.assemble(minutes=31)
    add_review(session, rater, "excluded", at=LATER + timedelta(minutes=2))
    banned = nights.assemble(minutes=33)
    add_review(session, rater, "trusted", at=LATER + timedelta(minutes=4))
    restored = nights.assemble(minutes=35)
    learnt = [set(said) & sources(nights.rows(one)) for one in (before, after, banned, restored)]
    assert learnt == [{said[0], said[2]}, set(said), set(), set(said)]


def test_a_set_that_goes_on_from_another_hears_a_prompt_anew_once_it_was_reviewed(
    session: Session, nights: Nights, persona: PersonaRow, answers: list[AnswerRow]
):
    going_on(persona)
    said = add_correction(session, answers[0], "Better.")
    first = nights.assemble()
    crown(session, first)
    late = AT + timedelta(minutes=90)
    add_feedback_review(session, said, ReviewVerdict.OVERRULED, at=late)
    add_correction(session, answers[1], "New.", at=late)
    second = nights.assemble(minutes=120)
    assert second.plan["start"]["training_set"] == first.id
    assert said in sources(nights.rows(first))
    assert said not in sources(nights.rows(second))
    assert nights.excluded(second)[said] == OVERRULED
