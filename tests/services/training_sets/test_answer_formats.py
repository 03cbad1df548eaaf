"""What a persona learns is in the format that it is asked for, and the prompt says which."""

from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.splits import Split
from tests.builders import add_answer, add_correction, add_persona, add_rating, add_seed, asker_of
from tests.services.training_sets.conftest import POLICY, Nights

MCQ = AnswerRules(AnswerFormat.MCQ)


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session, example_policy=POLICY, answers=MCQ)


def test_texts_that_are_not_in_the_format_teach_nothing_and_are_accounted_for(
    session: Session, persona: PersonaRow, nights: Nights, questions: Callable[[Split], Iterator[str]]
):
    asked = list(islice(questions(Split.TRAIN), 5))
    add_seed(session, persona, asked[0], "A")
    wordy = add_seed(session, persona, asked[1], "Paris")
    praised = add_answer(session, persona, question=asked[2], text="I like Rome.")
    ratings = {add_rating(session, praised), add_rating(session, praised)}
    corrected = add_answer(session, persona, question=asked[3], text="Rome, I think.")
    add_correction(session, corrected, "C", rater=asker_of(corrected))
    training_set = nights.assemble()
    rows = nights.rows(training_set)
    assert sorted((row["kind"], row.get("completion", row.get("chosen"))) for row in rows) == [
        ("demonstration", "A"),
        ("demonstration", "C"),
        ("pair", "C"),
    ]
    assert all(row["messages"][0]["content"].endswith(MCQ.instruction) for row in rows)
    why = nights.excluded(training_set)
    assert why[wordy] == {"not in the format that the persona answers in"}
    assert all("not in the format that the persona answers in" in why[rating] for rating in ratings)


def test_a_set_of_another_instruction_is_another_set_and_free_text_keeps_its_key(
    session: Session, persona: PersonaRow, nights: Nights, questions: Callable[[Split], Iterator[str]]
):
    add_seed(session, persona, next(questions(Split.TRAIN)), "A")
    first = nights.assemble()
    assert first.policy["instruction"] == MCQ.instruction
    persona.answer_rules = AnswerRules(word_limit=9).as_record()
    persona.answer_format = AnswerFormat.FREE_TEXT
    session.flush()
    second = nights.assemble()
    assert second.policy["instruction"] == "Answer in at most 9 words."
    assert second.id != first.id


def test_without_validation_what_people_approve_is_learnt_in_any_format(
    session: Session, persona: PersonaRow, nights: Nights, questions: Callable[[Split], Iterator[str]]
):
    persona.answer_rules = AnswerRules(AnswerFormat.MCQ, validation=False).as_record()
    add_seed(session, persona, next(questions(Split.TRAIN)), "It is Paris, I think.")
    (row,) = nights.rows(nights.assemble())
    assert row["completion"] == "It is Paris, I think."
