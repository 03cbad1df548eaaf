from contextlib import nullcontext
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import CommentRow, CorrectionRow, RatingRow
from services.db.prompt_tables import PromptSplitRow
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.feedback import AnswerId
from services.errors.inputs import (
    AnswerNotInFormat,
    CorrectionUnchanged,
    EmptyText,
    StarsOutOfRange,
    TextTooLong,
)
from services.errors.lookups import UnknownAnswer
from services.errors.people import NotTheAsker
from services.errors.refusals import FormOutdated
from services.feedback.queries import answer_page, history
from services.feedback.questions import new_rater
from services.feedback.rating import rate
from services.feedback.recording import comment, correct
from tests.builders import AT, add_answer, add_persona, asker_of


@pytest.fixture
def answer_id(session: Session) -> AnswerId:
    return AnswerId(add_answer(session, add_persona(session)).id)


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_rating_sent_twice_counts_once(session: Session):
    answer = add_answer(session, add_persona(session))
    submission = uuid4()
    first, again = (
        rate(session, answer_id=answer.id, rater=asker_of(answer), stars=4, submission=submission, at=AT)
        for _ in range(2)
    )
    assert count(session, RatingRow) == 1
    assert first == again


def test_a_better_answer_has_the_form_where_answers_are_validated(session: Session):
    for validation in (True, False):
        rules = AnswerRules(AnswerFormat.MCQ, validation=validation)
        answer = add_answer(session, add_persona(session, slug=f"quiz-{validation}".lower(), answers=rules))
        said = {"answer_id": answer.id, "rater": asker_of(answer), "text": "Paris, I think.", "at": AT}
        with nullcontext() if not validation else pytest.raises(AnswerNotInFormat):
            correct(session, submission=uuid4(), **said)
    assert count(session, CorrectionRow) == 1


def test_changing_ones_mind_keeps_both_in_the_journal_and_counts_the_newest(session: Session):
    answer = add_answer(session, add_persona(session))
    for stars in (2, 5):
        rate(session, answer_id=answer.id, rater=asker_of(answer), stars=stars, submission=uuid4(), at=AT)
    assert count(session, RatingRow) == 2
    assert answer_page(session, answer_id=answer.id, rater=asker_of(answer)).stars == 5


@pytest.mark.parametrize("same_form", [True, False])
def test_an_old_form_sent_again_does_not_bring_back_what_it_said_and_says_so(
    session: Session, *, same_form: bool
):
    answer = add_answer(session, add_persona(session))
    said = {"answer_id": AnswerId(answer.id), "rater": asker_of(answer), "at": AT}
    first = {"submission": uuid4()} | said
    second = first if same_form else {"submission": uuid4()} | said
    for say, field, old, new in (
        (rate, "stars", 2, 5),
        (correct, "text", "Better.", "Better still."),
        (comment, "text", "Dry.", "Too dry."),
    ):
        say(session, **first | {field: old})
        say(session, **second | {field: new})
        with pytest.raises(FormOutdated):
            say(session, **first | {field: old})
    page = answer_page(session, answer_id=said["answer_id"], rater=said["rater"])
    assert (page.stars, page.correction, page.comment) == (5, "Better still.", "Too dry.")
    assert count(session, RatingRow) == count(session, CorrectionRow) == count(session, CommentRow) == 2


def test_a_form_that_was_gone_back_to_and_changed_says_something_new(session: Session):
    answer = add_answer(session, add_persona(session))
    form = {
        "answer_id": AnswerId(answer.id),
        "rater": asker_of(answer),
        "submission": uuid4(),
        "at": AT,
    }
    for stars, text in ((2, "Better."), (2, "Better."), (5, "Better still.")):
        rate(session, stars=stars, **form)
        correct(session, text=text, **form)
        comment(session, text=text, **form)
    assert count(session, RatingRow) == count(session, CorrectionRow) == count(session, CommentRow) == 2
    page = answer_page(session, answer_id=form["answer_id"], rater=form["rater"])
    assert (page.stars, page.correction, page.comment) == (5, "Better still.", "Better still.")


@pytest.mark.parametrize("stars", [0, 6, 7, -1])
def test_stars_outside_one_to_five_are_refused(session: Session, answer_id: AnswerId, stars: int):
    with pytest.raises(StarsOutOfRange):
        rate(
            session,
            answer_id=answer_id,
            rater=new_rater(session, at=AT),
            stars=stars,
            submission=uuid4(),
            at=AT,
        )
    assert count(session, RatingRow) == 0


def test_an_unknown_answer_cannot_be_rated(session: Session):
    with pytest.raises(UnknownAnswer):
        rate(
            session,
            answer_id=AnswerId(UUID(int=7)),
            rater=new_rater(session, at=AT),
            stars=3,
            submission=uuid4(),
            at=AT,
        )


def test_another_raters_answer_can_neither_be_rated_nor_read(session: Session, answer_id: AnswerId):
    stranger = new_rater(session, at=AT)
    with pytest.raises(NotTheAsker):
        rate(session, answer_id=answer_id, rater=stranger, stars=3, submission=uuid4(), at=AT)
    with pytest.raises(NotTheAsker):
        answer_page(session, answer_id=answer_id, rater=stranger)


def test_corrections_and_comments_are_kept_and_shown(session: Session):
    answer = add_answer(session, add_persona(session))
    said = {"answer_id": AnswerId(answer.id), "rater": asker_of(answer), "at": AT}
    correct(session, text="  Better.  ", submission=uuid4(), **said)
    comment(session, text="Too short", submission=uuid4(), **said)
    page = answer_page(session, answer_id=AnswerId(answer.id), rater=asker_of(answer))
    assert (page.correction, page.comment) == ("  Better.  ", "Too short")


@pytest.mark.parametrize(("text", "error"), [("  ", EmptyText), ("x" * 20_001, TextTooLong)])
def test_a_correction_that_cannot_be_kept_says_why(session: Session, text: str, error: type[Exception]):
    answer = add_answer(session, add_persona(session))
    with pytest.raises(error):
        correct(session, answer_id=answer.id, rater=asker_of(answer), text=text, submission=uuid4(), at=AT)
    assert count(session, CorrectionRow) == count(session, CommentRow) == 0


def test_history_shows_ones_own_answers_newest_first(session: Session):
    persona = add_persona(session)
    first = add_answer(session, persona, question="First?")
    rater = asker_of(first)
    add_answer(session, persona, question="Second?", rater=rater, at=AT + timedelta(minutes=1))
    add_answer(session, persona, question="A stranger's?")
    assert [entry.question.text for entry in history(session, rater=rater)] == ["Second?", "First?"]


def test_a_prompt_gets_its_split_once(session: Session):
    persona = add_persona(session)
    for _ in range(2):
        add_answer(session, persona)
    assert count(session, PromptSplitRow) == 1


def test_an_unchanged_better_answer_is_no_correction(session: Session):
    answer = add_answer(session, add_persona(session), text="It scatters,\nmostly.")
    with pytest.raises(CorrectionUnchanged):
        correct(
            session,
            answer_id=AnswerId(answer.id),
            rater=asker_of(answer),
            text=" It scatters, mostly. ",
            submission=uuid4(),
            at=AT,
        )
    assert count(session, CorrectionRow) == 0
