"""Asking as a job: what is stored, whatever the model writes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select

from services.adapters.promotions import find_persona, who_serves
from services.db.feedback_tables import AnswerRow, ConversationRow, PersonaRow, QuestionRow, RaterRow
from services.db.prompt_tables import PromptSplitRow
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import Question
from services.domain.feedback import AnswerId, RaterId
from services.errors.inputs import ForbiddenCharacter, NoRoute, TextTooLong
from services.errors.outages import InferenceBusy
from services.errors.tree import InvalidInput
from services.feedback.questions import new_rater
from services.feedback.routes import add_route
from services.jobs.ask import ask
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator
from tests.lineage_builders import add_canary, add_serving_version

WHY = Question("Why is the sea salty?", "oceans", "student")
MCQ = AnswerRules(AnswerFormat.MCQ)


@pytest.fixture
def rater(clean: Engine) -> RaterId:
    """Someone who may ask the persona "pirate"."""
    with session_scope(clean) as session:
        add_persona(session)
        return new_rater(session, at=AT)


def test_what_no_database_can_store_is_cleaned_out_of_an_answer(clean: Engine, rater: RaterId):
    generator = FakeGenerator(text="Salt\x00 of \ud83dthe\x1b earth.\n\tIndeed.")
    answer_id = ask(clean, generator, persona_slug="pirate", rater=rater, question=WHY, at=AT)
    with session_scope(clean) as session:
        assert session.get_one(AnswerRow, answer_id).text == "Salt of \ufffdthe earth.\n\tIndeed."


@pytest.mark.parametrize("character", ["\x00", "\ud83d"])
def test_what_no_database_can_store_is_refused_in_a_question(clean: Engine, rater: RaterId, character: str):
    question = Question(f"Why{character}?", "oceans", "student")
    with pytest.raises(ForbiddenCharacter, match="The question contains a "):
        ask(clean, FakeGenerator(), persona_slug="pirate", rater=rater, question=question, at=AT)


def count(engine: Engine, table: type) -> int:
    with session_scope(engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_one_form_sent_twice_at_once_has_one_answer(clean: Engine, rater: RaterId):
    both_are_writing = threading.Barrier(2, timeout=30)
    generator = FakeGenerator(meanwhile=both_are_writing.wait)
    submission = uuid4()

    def send(_: int) -> AnswerId:
        return ask(
            clean,
            generator,
            persona_slug="pirate",
            rater=rater,
            question=WHY,
            submission=submission,
            at=AT,
        )

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(send, range(2))
    assert first == second
    assert count(clean, AnswerRow) == count(clean, QuestionRow) == count(clean, ConversationRow) == 1
    assert generator.requests[0] == generator.requests[1]


TOO_LONG = TextTooLong("prompt", length=9_000, limit=1_000, unit="tokens")


def test_a_question_that_can_never_be_answered_leaves_nothing(clean: Engine, rater: RaterId):
    form = {"persona_slug": "pirate", "question": WHY, "at": AT}
    for problem in (TOO_LONG, InvalidInput("No.")):
        for asker in (rater, RaterId(uuid4())):
            with pytest.raises(InvalidInput):
                ask(clean, FakeGenerator(problem=problem), rater=asker, **form)
    tables = (QuestionRow, ConversationRow, RaterRow, PromptSplitRow)
    assert [count(clean, table) for table in tables] == [0, 0, 0, 0]
    ask(clean, FakeGenerator(), rater=rater, **form)
    assert [count(clean, table) for table in tables] == [1, 1, 1, 1]


def test_what_else_a_rater_asked_stays_when_a_question_is_refused(clean: Engine, rater: RaterId):
    form = {"persona_slug": "pirate", "rater": rater, "question": WHY, "at": AT}
    ask(clean, FakeGenerator(), **form)
    with pytest.raises(InferenceBusy):
        ask(clean, FakeGenerator(problem=InferenceBusy()), **form)
    with pytest.raises(TextTooLong):
        ask(clean, FakeGenerator(problem=TOO_LONG), **form)
    assert count(clean, QuestionRow) == count(clean, ConversationRow) == 2
    assert count(clean, RaterRow) == 1


def test_a_form_that_was_answered_meanwhile_keeps_its_answer_when_its_twin_is_refused(
    clean: Engine, rater: RaterId
):
    form = {"persona_slug": "pirate", "rater": rater, "question": WHY, "submission": uuid4(), "at": AT}
    refused = FakeGenerator(problem=TOO_LONG, meanwhile=lambda: ask(clean, FakeGenerator(), **form))
    with pytest.raises(TextTooLong):
        ask(clean, refused, **form)
    assert count(clean, AnswerRow) == count(clean, QuestionRow) == count(clean, RaterRow) == 1


def test_a_new_raters_questions_are_refused_and_answered_at_once_without_harm(clean: Engine, rater: RaterId):
    newcomer = RaterId(uuid4())

    def send(number: int) -> bool:
        generator = FakeGenerator(problem=TOO_LONG if number % 2 else None)
        try:
            ask(clean, generator, persona_slug="pirate", rater=newcomer, question=WHY, at=AT)
        except TextTooLong:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(send, range(60))) == 30
    assert count(clean, AnswerRow) == count(clean, QuestionRow) == count(clean, ConversationRow) == 30
    assert count(clean, RaterRow) == len({rater, newcomer})


def test_a_form_sent_again_after_a_failure_goes_on_with_its_question(clean: Engine, rater: RaterId):
    form = {"persona_slug": "pirate", "rater": rater, "question": WHY, "submission": uuid4(), "at": AT}
    with pytest.raises(InferenceBusy):
        ask(clean, FakeGenerator(problem=InferenceBusy()), **form)
    answer_id = ask(clean, FakeGenerator(text="Salt."), **form)
    with session_scope(clean) as session:
        assert session.get_one(AnswerRow, answer_id).text == "Salt."
    assert count(clean, QuestionRow) == 1


def test_without_a_form_every_ask_is_one(clean: Engine, rater: RaterId):
    for _ in range(2):
        ask(clean, FakeGenerator(), persona_slug="pirate", rater=rater, question=WHY, at=AT)
    assert count(clean, AnswerRow) == 2


@pytest.fixture
def quiz(rater: RaterId, clean: Engine) -> str:
    """A persona that answers with letters; "pirate", which the rater may ask, lets it."""
    assert rater
    with session_scope(clean) as session:
        row = add_persona(session, slug="quiz", answers=MCQ)
        add_route(session, find_persona(session, "pirate"), row)
    return "quiz"


def test_an_answer_says_how_often_it_was_asked_for_and_whether_it_has_its_form(
    clean: Engine, rater: RaterId, quiz: str
):
    for texts, attempts, valid, text in (
        (["B"], 1, True, "B"),
        (["Salt", "Sea", "C. Both"], 3, True, "C. Both"),
        (["Salt", "Sea", "Both"], 3, False, "Both"),
    ):
        generator = FakeGenerator(texts=texts)
        answer_id = ask(clean, generator, persona_slug=quiz, rater=rater, question=WHY, at=AT)
        with session_scope(clean) as session:
            row = session.get_one(AnswerRow, answer_id)
            assert (row.attempts, row.valid, row.text) == (attempts, valid, text)
            assert row.seed == generator.requests[-1].seed
            assert row.generation["do_sample"] is (attempts > 1)


def test_a_question_for_another_form_is_answered_by_whom_the_persona_names(
    clean: Engine, rater: RaterId, quiz: str
):
    with session_scope(clean) as session:
        serving = add_serving_version(session, find_persona(session, quiz)).name
    form = {"persona_slug": "pirate", "rater": rater, "question": WHY, "at": AT}
    generator = FakeGenerator(text="A")
    asked = ask(clean, generator, answer_format=AnswerFormat.MCQ, **form)
    own = ask(clean, generator, answer_format=AnswerFormat.FREE_TEXT, **form)
    with session_scope(clean) as session:
        personas = [
            session.get_one(
                PersonaRow, session.get_one(AnswerRow, answer).question.conversation.persona_id
            ).slug
            for answer in (asked, own)
        ]
    assert personas == [quiz, "pirate"]
    assert [request.model for request in generator.requests] == [serving, "base"]
    with pytest.raises(NoRoute, match="persona route pirate"):
        ask(clean, generator, answer_format=AnswerFormat.JSON, **form)


def test_while_a_canary_is_open_a_share_of_conversations_is_answered_by_it_and_each_says_how_it_was_drawn(
    clean: Engine, rater: RaterId
):
    with session_scope(clean) as session:
        canary = add_canary(session, find_persona(session, "pirate"), number=1, share=0.3)
        promotion, version = canary.id, canary.adapter_version_id
    for _ in range(60):
        ask(clean, FakeGenerator(), persona_slug="pirate", rater=rater, question=WHY, at=AT)
    with session_scope(clean) as session:
        answers = session.scalars(select(AnswerRow)).all()
    tried = [answer for answer in answers if answer.adapter_version_id == version]
    assert 6 <= len(tried) <= 32  # 30 % of 60; beyond that less than once in ten thousand
    assert {answer.promotion_id for answer in answers} == {promotion}
    assert {answer.propensity for answer in tried} == {0.3}
    assert {answer.propensity for answer in answers if answer not in tried} == {0.7}


def test_a_form_sent_again_is_answered_by_the_arm_that_was_drawn_at_first(clean: Engine, rater: RaterId):
    with session_scope(clean) as session:
        add_canary(session, find_persona(session, "pirate"), number=1)
    for _ in range(6):
        form = {"persona_slug": "pirate", "rater": rater, "question": WHY, "submission": uuid4(), "at": AT}
        refused, answered = FakeGenerator(problem=InferenceBusy()), FakeGenerator()
        with pytest.raises(InferenceBusy):
            ask(clean, refused, **form)
        ask(clean, answered, **form)
        assert refused.requests[0].model == answered.requests[0].model


def test_a_canary_whose_files_are_damaged_ends_and_the_champion_answers(clean: Engine, rater: RaterId):
    with session_scope(clean) as session:
        canary = add_canary(session, find_persona(session, "pirate"), number=1, share=0.9)
        name = canary.version.name
    generator = FakeGenerator(damaged={name})
    while name not in {request.model for request in generator.requests}:
        answer_id = ask(clean, generator, persona_slug="pirate", rater=rater, question=WHY, at=AT)
    with session_scope(clean) as session:
        answer = session.get_one(AnswerRow, answer_id)
        assert (answer.served_name, answer.promotion_id, answer.propensity) == ("base", None, 1.0)
        assert who_serves(session, find_persona(session, "pirate")).number == 0
    asked = len(generator.requests)
    ask(clean, generator, persona_slug="pirate", rater=rater, question=WHY, at=AT)
    assert [request.model for request in generator.requests[asked:]] == ["base"]
