"""Taking back a choice between two answers: the journals keep it, and the pair may be chosen again."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.comparing_tables import AnswerPairRow, ComparisonOfferRow
from services.db.feedback_tables import AnswerRow, ComparisonRow
from services.db.retraction_tables import RetractionRow
from services.domain.comparing import OfferKind
from services.domain.consistency import Share
from services.domain.feedback import UNDO_WITHIN, AnswerId, Choice, RaterId
from services.errors.lookups import UnknownOffer, UnknownSource
from services.errors.people import TooLateToUndo
from services.errors.refusals import FormOutdated, RaterErased
from services.feedback import choosing
from services.feedback.consistency import consistency_of_rater
from services.feedback.erasing import bury, lock_rater
from services.feedback.offering import open_offer
from services.feedback.own_data import own_data
from services.feedback.pairing import pair_up
from services.feedback.questions import new_rater
from services.feedback.retracting import retract_choice
from tests.builders import AT, add_answer, add_comparison, add_persona

RIGHT_AWAY = AT + timedelta(seconds=30)
KINDS = pytest.mark.parametrize("offer", [OfferKind.NORMAL, OfferKind.KNOWN], indirect=True)


@pytest.fixture
def rater(session: Session) -> RaterId:
    return new_rater(session, at=AT)


@pytest.fixture
def offer(session: Session, rater: RaterId, request: pytest.FixtureRequest) -> ComparisonOfferRow:
    """Two answers before the rater, of which the better is known or not."""
    kind = getattr(request, "param", OfferKind.NORMAL)
    persona = add_persona(session)
    left, right = (add_answer(session, persona, text=said) for said in ("Arr.", "Avast."))
    pair_up(session, AnswerId(right.id))
    known = kind == OfferKind.KNOWN
    row = ComparisonOfferRow(
        persona_id=persona.id,
        rater_id=rater,
        pair_id=None if known else session.scalars(select(AnswerPairRow.id)).one(),
        left_answer_id=left.id,
        right_answer_id=right.id,
        kind=kind,
        expected=Choice.LEFT if known else None,
        offered_at=AT,
    )
    session.add(row)
    session.flush()
    return row


def choose(
    session: Session,
    offer: ComparisonOfferRow,
    choice: Choice,
    *,
    at: datetime = AT,
    form: UUID | None = None,
) -> UUID:
    """What names the choice."""
    rater = RaterId(offer.rater_id)
    choosing.choose(session, offer.id, rater=rater, choice=choice, submission=form or uuid4(), at=at)
    session.flush()
    chosen = choosing.chosen_of(session, offer.id, rater=rater, at=at)
    assert chosen is not None
    assert chosen.choice == choice
    return chosen.id


def take_back(
    session: Session, offer: ComparisonOfferRow, chosen: UUID, *, at: datetime = RIGHT_AWAY
) -> None:
    choosing.take_back(session, offer.id, rater=RaterId(offer.rater_id), chosen=chosen, at=at)
    session.flush()


def shown(session: Session, offer: ComparisonOfferRow) -> Choice | None:
    return choosing.offered(session, offer.id, rater=RaterId(offer.rater_id), names=()).choice


@KINDS
def test_the_only_choice_taken_back_leaves_none_and_the_pair_may_be_chosen_again(
    session: Session, offer: ComparisonOfferRow, rater: RaterId
):
    take_back(session, offer, choose(session, offer, Choice.RIGHT))
    assert shown(session, offer) is None
    assert choosing.chosen_of(session, offer.id, rater=rater, at=RIGHT_AWAY) is None
    assert open_offer(session, rater=rater) == offer.id
    assert consistency_of_rater(session, rater).judged == 0
    choose(session, offer, Choice.LEFT, at=RIGHT_AWAY)
    assert (shown(session, offer), offer.choice, offer.chosen_at) == (Choice.LEFT, Choice.LEFT, RIGHT_AWAY)
    known = Share(1, 1) if offer.kind == OfferKind.KNOWN else Share(0, 0)
    assert consistency_of_rater(session, rater).known == known


@KINDS
def test_each_choice_taken_back_brings_back_the_one_before(session: Session, offer: ComparisonOfferRow):
    given = [Choice.LEFT, Choice.TIE, Choice.RIGHT]
    said = [choose(session, offer, one, at=AT + timedelta(seconds=n)) for n, one in enumerate(given)]
    left = []
    for one in reversed(said):
        take_back(session, offer, one)
        left.append((shown(session, offer), offer.choice))
    assert left == [(Choice.TIE, Choice.LEFT), (Choice.LEFT, Choice.LEFT), (None, None)]


@KINDS
def test_the_first_taken_back_leaves_the_next_in_its_place(session: Session, offer: ComparisonOfferRow):
    first = choose(session, offer, Choice.LEFT)
    choose(session, offer, Choice.TIE, at=RIGHT_AWAY)
    take_back(session, offer, first)
    assert (shown(session, offer), offer.choice, offer.chosen_at) == (Choice.TIE, Choice.TIE, RIGHT_AWAY)


@KINDS
def test_a_choice_taken_back_stays_so_however_often_it_is_asked_for(
    session: Session, offer: ComparisonOfferRow
):
    chosen = choose(session, offer, Choice.LEFT)
    take_back(session, offer, chosen)
    choose(session, offer, Choice.TIE, at=RIGHT_AWAY)
    take_back(session, offer, chosen, at=AT + timedelta(days=1))
    assert (shown(session, offer), offer.choice) == (Choice.TIE, Choice.TIE)


@KINDS
def test_a_minute_later_a_choice_stays(session: Session, offer: ComparisonOfferRow, rater: RaterId):
    chosen = choose(session, offer, Choice.LEFT)
    told = [
        choosing.chosen_of(session, offer.id, rater=rater, at=AT + timedelta(seconds=after)).seconds
        for after in (0, 45, 60, 61, 600)
    ]
    assert told == [60, 15, 0, 0, 0]
    with pytest.raises(TooLateToUndo, match=r"This choice was saved more than a minute ago"):
        take_back(session, offer, chosen, at=AT + UNDO_WITHIN + timedelta(milliseconds=1))
    take_back(session, offer, chosen, at=AT + UNDO_WITHIN)
    assert shown(session, offer) is None


@KINDS
def test_nobody_takes_back_what_somebody_else_chose(session: Session, offer: ComparisonOfferRow):
    chosen = choose(session, offer, Choice.LEFT)
    other = new_rater(session, at=AT)
    with pytest.raises(UnknownOffer):
        choosing.take_back(session, offer.id, rater=other, chosen=chosen, at=RIGHT_AWAY)
    with pytest.raises(UnknownOffer):
        take_back(session, offer, uuid4())
    assert choosing.chosen_of(session, offer.id, rater=other, at=RIGHT_AWAY) is None
    for number in session.scalars(select(ComparisonRow.id)):
        with pytest.raises(UnknownSource):
            retract_choice(session, comparison_id=number, rater=other, at=RIGHT_AWAY)
    assert shown(session, offer) == Choice.LEFT


@KINDS
def test_a_form_whose_choice_was_taken_back_does_not_choose_it_again(
    session: Session, offer: ComparisonOfferRow
):
    form = uuid4()
    take_back(session, offer, choose(session, offer, Choice.LEFT, form=form))
    with pytest.raises(FormOutdated):
        choose(session, offer, Choice.LEFT, form=form)
    choose(session, offer, Choice.RIGHT, form=form, at=RIGHT_AWAY)
    with pytest.raises(FormOutdated):
        choose(session, offer, Choice.LEFT, form=form)


def test_the_journals_keep_both_and_a_pair_counts_whose_choice_stands(
    session: Session, offer: ComparisonOfferRow, rater: RaterId
):
    def opinions() -> int:
        return session.scalars(select(AnswerPairRow.opinions)).one()

    chosen = choose(session, offer, Choice.LEFT)
    assert opinions() == 1
    for _ in range(2):
        take_back(session, offer, chosen)
    assert opinions() == 0
    choose(session, offer, Choice.RIGHT, at=RIGHT_AWAY)
    assert opinions() == 1
    assert session.scalars(select(ComparisonRow.choice).order_by(ComparisonRow.id)).all() == ["left", "right"]
    undo = session.scalars(select(RetractionRow)).one()
    assert (undo.answer_id, undo.rater_id, undo.at) == (offer.left_answer_id, rater, RIGHT_AWAY)


def test_an_erased_rater_takes_nothing_back(session: Session, offer: ComparisonOfferRow, rater: RaterId):
    chosen = choose(session, offer, Choice.LEFT)
    lock_rater(session, rater).erased_at = RIGHT_AWAY
    session.flush()
    with pytest.raises(RaterErased):
        take_back(session, offer, chosen)
    bury(session, rater, secret="of a test")
    assert session.scalars(select(ComparisonRow.choice)).all() == [""]
    assert session.scalar(select(func.count()).select_from(ComparisonOfferRow)) == 0


def test_who_takes_their_data_along_reads_what_they_took_back(
    session: Session, offer: ComparisonOfferRow, rater: RaterId
):
    take_back(session, offer, choose(session, offer, Choice.LEFT))
    choose(session, offer, Choice.TIE, at=RIGHT_AWAY)
    assert own_data(session, rater, at=RIGHT_AWAY)["comparisons"] == []  # it would tell what a known pair is
    told = own_data(session, rater, at=AT + timedelta(minutes=2))["comparisons"]
    assert [(one["choice"], one.get("taken_back_at")) for one in told] == [
        ("left", RIGHT_AWAY.isoformat()),
        ("tie", None),
    ]


@KINDS
def test_what_kind_of_pair_it_was_is_told_once_the_choice_stays(
    session: Session, offer: ComparisonOfferRow, rater: RaterId
):
    def told(at: datetime) -> dict[str, Any]:
        return own_data(session, rater, at=at)["offers"][0]

    before = told(AT).keys()
    chosen = choose(session, offer, Choice.LEFT)
    assert told(AT + UNDO_WITHIN).keys() - before == {"choice", "chosen_at"}
    take_back(session, offer, chosen)
    assert told(AT + timedelta(days=1)).keys() == before
    choose(session, offer, Choice.TIE, at=RIGHT_AWAY)
    final = told(AT + timedelta(minutes=2))
    assert (final["kind"], final["choice"]) == (offer.kind, "tie")
    said = [(one["choice"], "taken_back_at" in one) for one in final.get("said", [])]
    assert said == ([("left", True), ("tie", False)] if offer.kind == OfferKind.KNOWN else [])


def test_what_was_compared_without_an_offer_is_taken_back_as_well(
    session: Session, offer: ComparisonOfferRow
):
    rater = new_rater(session, at=AT)
    two = (session.get_one(AnswerRow, one) for one in (offer.left_answer_id, offer.right_answer_id))
    source = add_comparison(session, *two, rater=rater)
    number = int(source.partition(":")[2])
    assert {retract_choice(session, comparison_id=number, rater=rater, at=RIGHT_AWAY) for _ in range(2)} == {
        RIGHT_AWAY
    }
    assert session.scalar(select(func.count()).select_from(RetractionRow)) == 1
