"""What raters choose between two answers that they were offered is learnt from; known pairs never are."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.comparing_tables import ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, ComparisonRow, PersonaRow
from services.domain.comparing import OfferKind
from services.domain.feedback import AnswerId, Choice, RaterId
from services.feedback.choosing import choose
from services.feedback.offering import offer_comparison
from services.feedback.pairing import pair_up
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_retraction, add_seed
from tests.services.training_sets.champions import sources
from tests.services.training_sets.conftest import MAX_TOKENS, Nights


def judge(session: Session, persona: PersonaRow, rater: RaterId, choice: Choice) -> None:
    """Choose between the two that wait, or the next two."""
    offer = offer_comparison(session, persona=persona, rater=rater, at=AT)
    assert offer is not None
    choose(session, offer, rater=rater, choice=choice, submission=uuid4(), at=AT)


def add_pair(session: Session, persona: PersonaRow, question: str) -> list[AnswerRow]:
    added = []
    for said in ("Arr, matey.", "No idea."):
        added.append(add_answer(session, persona, question=question, text=said))
        pair_up(session, AnswerId(added[-1].id))
    return added


def test_a_choice_of_what_was_offered_becomes_a_pair_and_a_rater_counts_once(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    persona.example_policy = persona.example_policy | {"known_percent": 0, "repeat_percent": 0}
    liked, _ = add_pair(session, persona, next(asked))
    for rater in (new_rater(session, at=AT) for _ in range(2)):
        offer = session.get_one(
            ComparisonOfferRow, offer_comparison(session, persona=persona, rater=rater, at=AT)
        )
        choice = Choice.LEFT if offer.left_answer_id == liked.id else Choice.RIGHT
        judge(session, persona, rater, Choice.TIE)
        choose(session, offer.id, rater=rater, choice=choice, submission=uuid4(), at=AT)
    said = session.scalars(select(ComparisonRow.id).order_by(ComparisonRow.id)).all()
    training_set = nights.assemble()
    (row,) = nights.rows(training_set)
    assert (row["chosen"], row["rejected"]) == ("Arr, matey.", "No idea.")
    assert row["sources"] == sorted(f"comparison:{said[place]}" for place in (1, 3))
    assert nights.excluded(training_set).keys() == {f"comparison:{said[0]}", f"comparison:{said[2]}"}


def test_a_known_pair_is_nobodys_preference(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    one, two = (add_answer(session, persona, question=next(asked)) for _ in range(2))
    rater = new_rater(session, at=AT)
    offer = ComparisonOfferRow(
        persona_id=persona.id,
        rater_id=rater,
        left_answer_id=one.id,
        right_answer_id=two.id,
        kind=OfferKind.KNOWN,
        expected=Choice.LEFT,
        offered_at=AT,
    )
    session.add(offer)
    session.flush()
    judge(session, persona, rater, Choice.LEFT)
    assert session.scalars(select(ComparisonRow)).all() == []
    assert offer.choice == Choice.LEFT
    assert "comparison" not in str(nights.outcome())


def test_a_choice_taken_back_by_the_cutoff_counts_no_more_and_a_set_of_before_has_it_still(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    left, right = add_pair(session, persona, next(asked))
    add_seed(session, persona, next(asked), "Seed.")  # enough for a night
    rater = new_rater(session, at=AT)
    first = add_comparison(session, left, right, rater=rater)
    second = add_comparison(session, left, right, "right", rater=rater, at=AT + timedelta(minutes=30))
    before = nights.assemble(minutes=30)
    add_retraction(session, second, at=AT + timedelta(minutes=30, seconds=40))
    after, again = nights.assemble(minutes=31), nights.assemble(minutes=30, max_tokens=MAX_TOKENS + 1)
    assert (again.id != before.id, again.digest) == (True, before.digest)
    overridden = {first: {"the rater said something newer of the same"}}
    assert nights.excluded(again) == nights.excluded(before) == overridden
    assert nights.excluded(after) == {second: {"the rater took it back at once"}}
    assert [{first, second} & sources(nights.rows(one)) for one in (before, after)] == [{second}, {first}]
