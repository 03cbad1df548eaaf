"""Going on from a champion, a prompt that is spoken of is decided by everything that was ever said of it."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.splits import Split
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating, add_review, add_seed
from tests.services.training_sets.champions import SECOND, crown, say, sources
from tests.services.training_sets.conftest import Nights, Questions

USED_UP = "the rater's opinions of that day are used up"


@pytest.fixture
def persona(persona: PersonaRow) -> PersonaRow:
    persona.example_policy = persona.example_policy | {"start": "champion", "replay_percent": 0}
    return persona


def learnt_of(nights: Nights, question: str, **conditions) -> list[tuple[str, str | None, str | None]]:
    """Kind, text and rejected text of each row of a question in the night's set."""
    rows = nights.rows(nights.assemble(**conditions))
    return [
        (row["kind"], row.get("completion", row.get("chosen")), row.get("rejected"))
        for row in rows
        if question in row["messages"][-1]["content"]
    ]


def test_praise_of_an_answer_that_was_corrected_does_not_make_it_a_demonstration(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    question = next(asked)
    answer = add_answer(session, persona, question=question, text="Bad.")
    add_correction(session, answer, "Right.")
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    for _ in range(3):
        add_rating(session, answer, stars=5, at=SECOND)
    say(session, persona, asked, 2, at=SECOND)
    found = learnt_of(nights, question, minutes=120)
    assert ("demonstration", "Right.", None) in found
    assert ("demonstration", "Bad.", None) not in found
    assert ("pair", "Right.", "Bad.") in found


def test_nor_does_praise_of_one_that_was_found_the_worse(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    question = next(asked)
    worse, better = (add_answer(session, persona, question=question, text=text) for text in ("A.", "B."))
    for _ in range(3):
        add_comparison(session, worse, better, "right")
        add_rating(session, better, stars=5)
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    for _ in range(2):
        add_rating(session, worse, stars=5, at=SECOND)
    say(session, persona, asked, 2, at=SECOND)
    again = learnt_of(nights, question, minutes=120)
    persona.example_policy = persona.example_policy | {"start": "base"}
    assert again == learnt_of(nights, question, minutes=120)
    assert ("pair", "B.", "A.") in again


def test_an_import_of_a_prompt_displaces_no_correction(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    question = next(asked)
    add_correction(session, add_answer(session, persona, question=question, text="Bad."), "A person's.")
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    add_seed(session, persona, question, "A file's.", at=SECOND)
    say(session, persona, asked, 2, at=SECOND)
    assert ("demonstration", "A person's.", None) in learnt_of(nights, question, minutes=120)


def test_nobody_takes_the_judge_away_by_rating_what_it_judges_by(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions, asked: Iterator[str]
):
    judging = list(islice(questions(Split.HOLDOUT), 6))
    for one in judging:
        add_correction(session, add_answer(session, persona, question=one), "Right.")
    say(session, persona, asked, 4)
    first = nights.assemble()
    crown(session, first)
    stranger = new_rater(session, at=SECOND)
    for one in judging:
        answer = add_answer(session, persona, question=one, text="Another.", at=SECOND)
        add_rating(session, answer, stars=3, rater=stranger, at=SECOND)
    say(session, persona, asked, 2, at=SECOND)
    second = nights.assemble(minutes=120)
    assert [row["reference"] for row in nights.references(second)] == ["Right."] * 6


def test_what_no_stage_learnt_is_there_when_there_is_enough_of_it(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    persona.example_policy = persona.example_policy | {"minimum_rows": 8}
    said = say(session, persona, asked, 5)
    first = nights.assemble()
    assert first.plan["stages"] == ["dpo"]
    crown(session, first)
    said += say(session, persona, asked, 5, at=SECOND)
    second = nights.assemble(minutes=120)
    assert second.plan["stages"] == ["sft", "dpo"]
    demonstrations = [row for row in nights.rows(second) if row["kind"] == "demonstration"]
    assert sources(demonstrations) == set(said)


def test_the_words_of_whom_a_person_trusts_since(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    rater = new_rater(session, at=AT)
    add_review(session, rater, "excluded", at=AT)
    theirs = add_correction(session, add_answer(session, persona, question=next(asked)), "Good.", rater=rater)
    say(session, persona, asked, 8)
    crown(session, nights.assemble())
    add_review(session, rater, "trusted", at=SECOND)
    say(session, persona, asked, 8, at=SECOND)
    assert theirs in sources(nights.rows(nights.assemble(minutes=120)))


@pytest.mark.parametrize("kind", ["corrections", "comparisons"])
def test_a_day_that_the_cutoff_divides_has_one_limit(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str], kind: str
):
    persona.example_policy = persona.example_policy | {"daily_limit": 2}
    busy = new_rater(session, at=AT)

    def speak(question: str, at) -> str:
        one, other = (add_answer(session, persona, question=question, text=text, at=at) for text in "AB")
        if kind == "corrections":
            return add_correction(session, one, f"On {question}", rater=busy, at=at)
        return add_comparison(session, one, other, "left", rater=busy, at=at)

    said = [
        speak(question, AT + timedelta(minutes=number)) for number, question in enumerate(islice(asked, 3))
    ]
    say(session, persona, asked, 8)
    crown(session, nights.assemble())
    later = speak(next(asked), SECOND)  # on the same day
    say(session, persona, asked, 8, at=SECOND)
    second = nights.assemble(minutes=120)
    assert nights.excluded(second)[later] == {USED_UP}
    assert later not in sources(nights.rows(second))
    assert said[2] not in sources(nights.rows(second))


def test_marks_that_end_a_line_elsewhere_end_none_of_a_reference(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions, asked: Iterator[str]
):
    answer = add_answer(session, persona, question=next(questions(Split.HOLDOUT)))
    add_correction(session, answer, "One\u2028two\u0085three.")
    say(session, persona, asked, 4)
    crown(session, nights.assemble())
    say(session, persona, asked, 4, at=SECOND)
    references = nights.references(nights.assemble(minutes=120))
    assert [row["reference"] for row in references] == ["One\u2028two\u0085three."]
