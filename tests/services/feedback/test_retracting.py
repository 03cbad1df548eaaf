"""Taking back what was just said: the journals keep it, and what was said before counts again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, CommentRow, CorrectionRow, CurrentRatingRow, RatingRow
from services.db.retraction_tables import RetractionRow
from services.db.session import session_scope
from services.domain.feedback import UNDO_WITHIN, Said, Thumb
from services.errors.lookups import UnknownSource
from services.errors.people import TooLateToUndo
from services.errors.refusals import FormOutdated
from services.feedback.own_data import own_data
from services.feedback.queries import AnswerView, answer_page
from services.feedback.questions import new_rater
from services.feedback.rating import rate
from services.feedback.recording import comment, correct
from services.feedback.retracting import retract
from tests.builders import AT, add_answer, add_persona, asker_of

RIGHT_AWAY = AT + timedelta(seconds=30)


@pytest.fixture
def answer(session: Session) -> AnswerRow:
    return add_answer(session, add_persona(session))


def stars(session: Session, answer: AnswerRow, given: int | Thumb) -> int:
    rated = rate(session, answer_id=answer.id, rater=asker_of(answer), stars=given, submission=uuid4(), at=AT)
    return rated.id


def undo(session: Session, answer: AnswerRow, said_id: int, *, said=Said.RATING, at=RIGHT_AWAY) -> datetime:
    return retract(session, answer_id=answer.id, said=said, said_id=said_id, rater=asker_of(answer), at=at)


def seen(session: Session, answer: AnswerRow) -> AnswerView:
    return answer_page(session, answer_id=answer.id, rater=asker_of(answer))


def test_the_first_rating_taken_back_leaves_none(session: Session, answer: AnswerRow):
    undo(session, answer, stars(session, answer, 4))
    assert seen(session, answer).rating is None
    assert session.scalars(select(RatingRow.stars)).all() == [4]


def test_each_rating_taken_back_brings_back_the_one_before(session: Session, answer: AnswerRow):
    given = [stars(session, answer, one) for one in (2, Thumb.UP, 5)]
    left = []
    for rating in reversed(given):
        undo(session, answer, rating)
        left.append(seen(session, answer).rating)
    assert left == [Thumb.UP, 2, None]


def test_an_earlier_rating_taken_back_leaves_the_newest_and_does_not_come_back(
    session: Session, answer: AnswerRow
):
    first, second, third = (stars(session, answer, one) for one in (1, 2, 3))
    undo(session, answer, second)
    assert seen(session, answer).rating == 3
    undo(session, answer, third)
    assert seen(session, answer).rating == 1
    undo(session, answer, first)
    assert session.scalar(select(func.count()).select_from(CurrentRatingRow)) == 0


@pytest.mark.parametrize(("say", "said"), [(correct, Said.CORRECTION), (comment, Said.COMMENT)])
def test_a_text_taken_back_brings_back_the_one_before(session: Session, answer: AnswerRow, say, said: Said):
    form = {"answer_id": answer.id, "rater": asker_of(answer), "at": AT}
    ids = [say(session, text=text, submission=uuid4(), **form) for text in ("Better.", "Better still.")]
    for said_id, left in zip(reversed(ids), ("Better.", None), strict=True):
        undo(session, answer, said_id, said=said)
        page = seen(session, answer)
        assert (page.correction if said is Said.CORRECTION else page.comment) == left
    journal = CorrectionRow if said is Said.CORRECTION else CommentRow
    assert session.scalar(select(func.count()).select_from(journal)) == 2


def test_what_was_taken_back_stays_so_however_often_it_is_asked_for(session: Session, answer: AnswerRow):
    rating = stars(session, answer, 4)
    long_after = AT + timedelta(days=1)
    assert undo(session, answer, rating) == undo(session, answer, rating, at=long_after) == RIGHT_AWAY
    assert session.scalar(select(func.count()).select_from(RetractionRow)) == 1


def test_a_minute_later_it_is_too_late_and_the_sentence_says_what_to_do(session: Session, answer: AnswerRow):
    rating = stars(session, answer, 4)
    with pytest.raises(TooLateToUndo, match=r"more than a minute ago .* say it anew"):
        undo(session, answer, rating, at=AT + UNDO_WITHIN + timedelta(milliseconds=1))
    undo(session, answer, rating, at=AT + UNDO_WITHIN)


def test_nobody_takes_back_what_somebody_else_said(session: Session, answer: AnswerRow):
    rating = stars(session, answer, 4)
    said = {"said": Said.RATING, "said_id": rating, "at": RIGHT_AWAY}
    with pytest.raises(UnknownSource):
        retract(session, answer_id=answer.id, rater=new_rater(session, at=AT), **said)
    other = add_answer(session, add_persona(session, slug="other"), rater=asker_of(answer))
    with pytest.raises(UnknownSource):
        retract(session, answer_id=other.id, rater=asker_of(answer), **said)
    assert seen(session, answer).rating == 4


def test_a_form_whose_words_were_taken_back_does_not_say_them_again(session: Session, answer: AnswerRow):
    form = {"answer_id": answer.id, "rater": asker_of(answer), "submission": uuid4(), "at": AT}
    undo(session, answer, rate(session, stars=4, **form).id)
    undo(session, answer, correct(session, text="Better.", **form), said=Said.CORRECTION)
    with pytest.raises(FormOutdated):
        rate(session, stars=4, **form)
    with pytest.raises(FormOutdated):
        correct(session, text="Better.", **form)


@pytest.mark.parametrize("change", ["UPDATE retractions SET at = now()", "DELETE FROM retractions"])
def test_an_undo_is_not_undone(session: Session, answer: AnswerRow, change: str):
    undo(session, answer, stars(session, answer, 4))
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(change))


def test_who_takes_their_data_along_reads_what_they_took_back(session: Session, answer: AnswerRow):
    stars(session, answer, 2)
    undo(session, answer, stars(session, answer, 4))
    told = own_data(session, asker_of(answer), at=RIGHT_AWAY)["ratings"]
    assert [one.get("taken_back_at") for one in told] == [None, RIGHT_AWAY.isoformat()]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_undone_at_once_in_any_order_none_of_them_counts(clean: Engine, order: tuple[int, ...]):
    with session_scope(clean) as session:
        answer = add_answer(session, add_persona(session))
        rater = asker_of(answer)
        given = [stars(session, answer, one) for one in (1, 2, 3, 4)]

    def take_back(place: int) -> None:
        with session_scope(clean) as session:
            said = {"said": Said.RATING, "said_id": given[place + 1], "at": RIGHT_AWAY}
            retract(session, answer_id=answer.id, rater=rater, **said)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(take_back, order))
    with session_scope(clean) as session:
        assert session.scalars(select(CurrentRatingRow.rating_id)).all() == [given[0]]
