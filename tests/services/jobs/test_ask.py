"""Asking as a job: what is stored, whatever the model writes."""

import pytest
from sqlalchemy import Engine

from services.db.feedback_tables import AnswerRow
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.feedback import RaterId
from services.errors import ForbiddenCharacter
from services.feedback.recording import new_rater
from services.jobs.ask import ask
from tests.builders import AT, add_persona
from tests.fakes import FakeGenerator

WHY = Question("Why is the sea salty?", "oceans", "student")


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
