"""Which pairs come to whom: the least judged, two versions first, some again, some known."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.db.comparing_tables import AnswerPairRow, ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, ComparisonRow, PeerOfferRow, PersonaRow, RaterRow
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.comparing import OfferKind
from services.domain.feedback import AnswerId, Choice, RaterId, Reason
from services.errors.refusals import RaterErased
from services.feedback.choosing import choose
from services.feedback.consistency import consistency_of_rater
from services.feedback.erasing import bury
from services.feedback.offering import offer_comparison
from services.feedback.pairing import pair_up
from services.feedback.questions import new_rater
from services.feedback.rating import rate
from tests.builders import AT, add_answer, add_persona, asker_of
from tests.lineage_builders import add_version

QUESTIONS = (
    "What is a keel?",
    "Who wrote Hamlet?",
    "How far is the moon?",
    "Why does bread rise?",
    "Is jade green?",
)


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    persona = add_persona(session)
    persona.example_policy = persona.example_policy | {"repeat_percent": 0, "known_percent": 0}
    return persona


@pytest.fixture
def rater(session: Session) -> RaterId:
    return new_rater(session, at=AT)


def add_pair(session: Session, persona: PersonaRow, question: str, *texts: str) -> list[AnswerRow]:
    added = []
    for said in texts or (f"{question} Arr.", f"{question} Avast."):
        added.append(add_answer(session, persona, question=question, text=said))
        pair_up(session, AnswerId(added[-1].id))
    return added


def offered(
    session: Session, persona: PersonaRow, rater: RaterId, *, minutes: float = 0
) -> ComparisonOfferRow | None:
    found = offer_comparison(session, persona=persona, rater=rater, at=AT + timedelta(minutes=minutes))
    return session.get_one(ComparisonOfferRow, found) if found else None


def judge(session: Session, offer: ComparisonOfferRow, choice: Choice = Choice.LEFT) -> ComparisonOfferRow:
    choose(
        session,
        offer.id,
        rater=RaterId(offer.rater_id),
        choice=choice,
        submission=uuid4(),
        at=offer.offered_at,
    )
    session.flush()
    return offer


def judged(session: Session, persona: PersonaRow, rater: RaterId) -> Iterator[ComparisonOfferRow]:
    """Every offer there is for this rater, each judged, in turn."""
    minutes = 0
    while (offer := offered(session, persona, rater, minutes=minutes)) is not None:
        minutes += 1
        yield judge(session, offer)


def test_what_nobody_judged_comes_before_what_somebody_did(session, persona, rater):
    for question in QUESTIONS[:2]:
        add_pair(session, persona, question)
    other = judge(session, offered(session, persona, new_rater(session, at=AT)))
    first, second = judged(session, persona, rater)
    assert (first.pair_id != other.pair_id, second.pair_id) == (True, other.pair_id)


def test_two_versions_come_before_one(session, persona, rater):
    for question in QUESTIONS[:3]:
        add_pair(session, persona, question)
    one, other = add_pair(session, persona, QUESTIONS[3], "Of yeast.", "Of gas, arr.")
    session.execute(
        text("UPDATE answer_pairs SET of_one_version = false WHERE one_answer_id = :id"), {"id": one.id}
    )
    offer = offered(session, persona, rater)
    assert {offer.left_answer_id, offer.right_answer_id} == {one.id, other.id}


def test_an_answer_makes_its_pair_with_one_of_another_version(session, persona):
    first, newer = (add_answer(session, persona, text=said) for said in ("Old.", "Newer."))
    first.adapter_version_id = add_version(session, persona, number=1).id
    newest = add_answer(session, persona, text="Newest.")
    pair_up(session, AnswerId(newest.id))
    (pair,) = session.scalars(select(AnswerPairRow))
    assert (pair.one_answer_id, pair.of_one_version) == (first.id, False)
    assert newer.id != pair.one_answer_id


def test_the_same_two_texts_are_a_pair_once(session, persona):
    add_pair(session, persona, QUESTIONS[0], "Arr.", "Avast.", "Arr.", "Avast.")
    assert session.scalar(select(func.count()).select_from(AnswerPairRow)) == 1


def test_what_somebody_called_unsafe_is_shown_to_nobody(session, persona, rater):
    one, _ = add_pair(session, persona, QUESTIONS[0])
    rate(
        session,
        answer_id=AnswerId(one.id),
        rater=asker_of(one),
        stars=1,
        reasons=[Reason.UNSAFE],
        submission=uuid4(),
        at=AT,
    )
    assert offered(session, persona, rater) is None


def test_the_day_is_over_at_midnight(session, persona, rater):
    persona.example_policy = persona.example_policy | {"comparisons_asked": 1}
    for question in QUESTIONS[:2]:
        add_pair(session, persona, question)
    judge(session, offered(session, persona, rater))
    assert offered(session, persona, rater, minutes=11 * 60) is None
    assert offered(session, persona, rater, minutes=12 * 60) is not None


def test_a_repeat_comes_with_its_sides_turned_once_and_its_newest_word_counts_once(session, persona, rater):
    add_pair(session, persona, QUESTIONS[0])
    list(judged(session, persona, rater))
    persona.example_policy = persona.example_policy | {"repeat_percent": 50, "repeat_after": 2}
    again = _until(session, persona, rater, OfferKind.REPEAT)
    first = session.get_one(ComparisonOfferRow, again.repeats_id)
    assert (again.left_answer_id, again.right_answer_id) == (first.right_answer_id, first.left_answer_id)
    between = select(func.count()).where(ComparisonOfferRow.chosen_at > first.chosen_at)
    assert session.scalar(between) == 2
    judge(session, again, Choice.RIGHT)
    assert consistency_of_rater(session, rater).repeats.hits == 1
    assert session.get_one(AnswerPairRow, first.pair_id).opinions == 1
    said = select(func.count()).where(
        ComparisonRow.left_answer_id.in_((first.left_answer_id, first.right_answer_id))
    )
    assert session.scalar(said) == 2
    persona.example_policy = persona.example_policy | {"repeat_after": 1}
    later = [offer.repeats_id for offer in judged(session, persona, rater) if offer.repeats_id]
    assert first.id not in later


def _until(session, persona, rater, kind) -> ComparisonOfferRow:
    """The first offer of this kind; what is drawn before it and is not there is nothing."""
    for number in range(60):
        add_pair(session, persona, f"{QUESTIONS[number % 5]} {number:x}")
        offer = offered(session, persona, rater, minutes=1 + number / 100)
        assert offer is not None
        if offer.kind == kind:
            return offer
        judge(session, offer)
    pytest.fail(f"no {kind} offer in sixty")


def like(session: Session, answers: list[AnswerRow]) -> None:
    for answer in answers:
        rate(
            session, answer_id=AnswerId(answer.id), rater=asker_of(answer), stars=5, submission=uuid4(), at=AT
        )


def test_a_known_pair_is_a_liked_answer_beside_one_to_another_question_and_no_preference(
    session, persona, rater
):
    for question in QUESTIONS[:2]:
        like(session, add_pair(session, persona, question))
    add_pair(session, persona, QUESTIONS[2])
    persona.example_policy = persona.example_policy | {"known_percent": 50, "comparisons_asked": 100}
    offer = _until(session, persona, rater, OfferKind.KNOWN)
    left, right = (session.get_one(AnswerRow, one) for one in (offer.left_answer_id, offer.right_answer_id))
    assert {left.question.text, right.question.text} == set(QUESTIONS[:2])
    before = session.scalar(select(func.count()).select_from(ComparisonRow))
    judge(session, offer, Choice(offer.expected))
    assert session.scalar(select(func.count()).select_from(ComparisonRow)) == before
    assert (consistency_of_rater(session, rater).known.hits, offer.pair_id) == (1, None)
    judge(session, offer, Choice.BOTH_BAD)
    assert [one["choice"] for one in offer.said] == [offer.choice, Choice.BOTH_BAD]
    assert offer.choice == offer.expected
    assert consistency_of_rater(session, rater).known.hits == 1
    for change in (
        "choice = 'tie'",
        "choice = NULL, chosen_at = NULL",
        "said = '[]'",
        "said = said - 0",
        "said = jsonb_set(said, '{0,choice}', '\"tie\"')",
        "said = jsonb_set(said, '{0,taken_back}', 'true')",
        "kind = 'normal'",
    ):
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(
                text(f"UPDATE comparison_offers SET {change} WHERE id = :id"),  # noqa: S608
                {"id": offer.id},
            )


@pytest.mark.parametrize("poor", [1, 3])
def test_what_somebody_found_poor_is_known_to_be_nothing(session, persona, rater, poor):
    for question in QUESTIONS[:2]:
        answers = add_pair(session, persona, question)
        like(session, answers)
    for answer in answers:
        session.add(PeerOfferRow(rater_id=rater, answer_id=answer.id, offered_at=AT))
        session.flush()
        rate(session, answer_id=AnswerId(answer.id), rater=rater, stars=poor, submission=uuid4(), at=AT)
    persona.example_policy = persona.example_policy | {"known_percent": 50}
    assert OfferKind.KNOWN not in {offer.kind for offer in judged(session, persona, rater)}


def test_where_answers_are_letters_no_pair_is_known(session, rater):
    quiz = add_persona(session, slug="quiz", answers=AnswerRules(AnswerFormat.MCQ))
    quiz.example_policy = quiz.example_policy | {"known_percent": 50, "repeat_percent": 0}
    for question in QUESTIONS:
        like(session, add_pair(session, quiz, question, "A", "B"))
    assert {offer.kind for offer in judged(session, quiz, rater)} == {OfferKind.NORMAL}


def test_an_offer_keeps_its_sides_and_its_first_choice(session, persona, rater):
    add_pair(session, persona, QUESTIONS[0])
    offer = judge(session, offered(session, persona, rater))
    for change in (
        "UPDATE comparison_offers SET choice = 'right'",
        "UPDATE comparison_offers SET choice = NULL, chosen_at = NULL",
        "UPDATE comparison_offers SET said = '[]'",
        "UPDATE comparison_offers SET left_answer_id = right_answer_id, right_answer_id = left_answer_id",
        "DELETE FROM comparison_offers",
    ):
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(text(change))
    assert offer.choice == Choice.LEFT


def test_who_is_erased_takes_their_offers_along_and_pairs_of_their_answers(session, persona, rater):
    answers = add_pair(session, persona, QUESTIONS[0])
    judge(session, offered(session, persona, rater))
    asker = asker_of(answers[0])
    for erased in (asker, rater):
        session.get_one(RaterRow, erased).erased_at = AT
        session.flush()
        bury(session, erased, secret="x")
    assert session.scalars(select(AnswerPairRow.id)).all() == []
    assert session.scalars(select(ComparisonOfferRow.id)).all() == []
    add_pair(session, persona, QUESTIONS[1])
    with pytest.raises(RaterErased):
        offer_comparison(session, persona=persona, rater=rater, at=AT)


def test_where_to_begin_among_those_judged_alike_is_drawn_for_each_rater(session, persona):
    for question in QUESTIONS:
        add_pair(session, persona, question)
    raters = [RaterId(UUID(int=number)) for number in range(1, 13)]
    session.add_all(RaterRow(id=rater, created_at=AT) for rater in raters)
    session.flush()
    assert len({offered(session, persona, rater).pair_id for rater in raters}) > 2
