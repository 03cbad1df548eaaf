"""What each signal becomes in a frozen set, and that whatever was said is in a row or among the excluded."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.domain.feedback import Reason, Thumb
from services.domain.splits import Split
from services.feedback.questions import new_rater
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_correction,
    add_rating,
    add_retraction,
    add_seed,
    asker_of,
)
from tests.services.training_sets.conftest import Nights, Questions, Record


def kinds(rows: list[Record], source: str) -> list[str]:
    return sorted(row["kind"] for row in rows if source in row["sources"])


def test_each_signal_becomes_what_it_is_good_for(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    corrected, thumbed, poor, *agreed = (add_answer(session, persona, question=next(asked)) for _ in range(4))
    question = next(asked)
    one, other = (add_answer(session, persona, question=question, text=text) for text in ("One.", "Two."))
    correction = add_correction(session, corrected, "Better.")
    up, down = (
        add_rating(session, answer, stars=thumb)
        for answer, thumb in ((thumbed, Thumb.UP), (poor, Thumb.DOWN))
    )
    stars = [add_rating(session, agreed[0], stars=5) for _ in range(2)]
    right = add_comparison(session, one, other, "right")
    training_set = nights.assemble()
    rows = nights.rows(training_set)
    assert kinds(rows, correction) == ["demonstration", "pair"]
    assert kinds(rows, stars[0]) == kinds(rows, stars[1]) == ["demonstration"]
    assert "no stage of the night learns from it" in nights.excluded(training_set)[up]
    (pair,) = (row for row in rows if right in row["sources"])
    assert (pair["kind"], pair["chosen"], pair["rejected"]) == ("pair", "Two.", "One.")

    persona.example_policy = persona.example_policy | {"objectives": ["sft", "kto"]}
    rows = nights.rows(nights.assemble())
    assert kinds(rows, up) == kinds(rows, down) == ["unpaired"]
    assert {row["label"] for row in rows if up in row["sources"]} == {True}
    assert {row["label"] for row in rows if down in row["sources"]} == {False}
    assert kinds(rows, right) == []


@pytest.mark.parametrize("choice", ["tie", "both bad"])
def test_a_comparison_without_a_better_side_is_excluded_with_its_reason(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str], choice: str
):
    add_seed(session, persona, next(asked), "Seed.")
    question = next(asked)
    one, other = (add_answer(session, persona, question=question, text=text) for text in ("One.", "Two."))
    undecided = add_comparison(session, one, other, choice)
    training_set = nights.assemble()
    assert nights.excluded(training_set) == {undecided: {"neither answer is the better one"}}
    assert training_set.counts["pairs"] == 0


def test_a_wrong_fact_is_never_learnt_from_however_many_stars_it_has(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    add_seed(session, persona, next(asked), "Seed.")
    wrong = add_answer(session, persona, question=next(asked))
    sources = [add_rating(session, wrong, stars=5) for _ in range(5)]
    sources.append(add_rating(session, wrong, stars=5, reasons=[Reason.WRONG_FACT]))
    training_set = nights.assemble()
    assert [row for row in nights.rows(training_set) if sources[0] in row["sources"]] == []
    assert nights.excluded(training_set) == {source: {"a rater named a fault"} for source in sources}


def test_the_same_text_to_the_same_prompt_is_one_answer_with_all_its_raters(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    question = next(asked)
    copies = [add_answer(session, persona, question=question, text="The same.") for _ in range(3)]
    ratings = [add_rating(session, copy, rater=asker_of(copy)) for copy in copies]
    changed_mind = add_rating(session, copies[2], stars=4, rater=asker_of(copies[1]))
    rows = nights.rows(nights.assemble())
    assert [row["kind"] for row in rows] == ["demonstration"]
    for row in rows:
        assert row["sources"] == sorted([ratings[0], ratings[2], changed_mind])


def test_rows_longer_than_the_context_are_excluded_not_cut(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    add_seed(session, persona, next(asked), "Short.")
    long = add_seed(session, persona, next(asked), "word " * 300)
    training_set = nights.assemble(max_tokens=290)
    assert [row["completion"] for row in nights.rows(training_set)] == ["Short."]
    assert nights.excluded(training_set) == {long: {"longer than the context"}}
    assert training_set.dropped == {"longer than the context": 1}


def test_what_is_private_is_masked_in_questions_and_answers_and_counted(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions
):
    for split in (Split.TRAIN, Split.HOLDOUT):
        for question in islice(questions(split), 4):
            add_seed(session, persona, question, "Write to bob@example.com or +49 30 901820.")
    address = add_answer(session, persona, question="Is jane@example.org the address of Jane?", text="Maybe.")
    add_correction(session, address, "Ask jane@example.org.")
    training_set = nights.assemble()
    frozen = str(nights.rows(training_set) + nights.references(training_set))
    assert "example" not in frozen
    assert "901820" not in frozen
    assert "Write to [e-mail] or [phone]." in frozen
    assert training_set.report["masked"]["phone"] == 8
    assert training_set.report["masked"]["e-mail"] >= 8 + 2


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["rate", "correct", "compare", "seed", "undo"]),
        st.integers(0, 5),  # which answer
        st.integers(0, 2),  # by whom
        st.integers(0, 3),  # saying what
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_was_said_is_in_a_row_or_excluded_with_a_reason(
    session: Session,
    nights: Nights,
    persona: PersonaRow,
    questions: Questions,
    acts: list[tuple[str, int, int, int]],
):
    with session.begin_nested() as savepoint:
        asked = [next(questions(Split.HOLDOUT)), *islice(questions(Split.TRAIN), 2)]
        answers = [
            add_answer(session, persona, question=question, text=text)
            for question in asked
            for text in ("One.", "Two.")
        ]
        raters = [new_rater(session, at=AT) for _ in range(3)]
        said = [add_seed(session, persona, list(islice(questions(Split.TRAIN), 3))[2], "Enough for a night.")]
        undone = set[str]()
        for place, (act, number, who, what) in enumerate(acts):
            at = AT + timedelta(seconds=place)
            answer, rater = answers[number], raters[who]
            if act == "rate":
                tags = [Reason.WRONG_FACT] if what == 3 else []
                said.append(add_rating(session, answer, stars=what + 2, reasons=tags, rater=rater, at=at))
            elif act == "correct":
                text = ["One.", "Three.", "Four.", "word " * 400][what]
                said.append(add_correction(session, answer, text, rater=rater, at=at))
            elif act == "compare":
                choice = ["left", "right", "tie", "both bad"][what]
                said.append(add_comparison(session, answer, answers[number ^ 1], choice, rater=rater, at=at))
            elif act == "undo":
                for source in said[1:]:
                    if not source.startswith("seed") and source not in undone:
                        undone.add(source)
                        add_retraction(session, source, at=at)
                        break
            else:
                said.append(add_seed(session, persona, asked[number // 2], f"Seed {what}.", at=at))
        training_set = nights.assemble(max_tokens=390)
        rows, excluded = nights.rows(training_set), nights.excluded(training_set)
        learnt = {source for row in rows for source in row["sources"]}
        assert learnt | set(excluded) == set(said)
        assert learnt.isdisjoint(undone)
        held_out = {source for row in nights.references(training_set) for source in row["sources"]}
        assert held_out <= set(excluded)
        assert held_out.isdisjoint(learnt)
        counted = Counter(reason for reasons in excluded.values() for reason in reasons)
        assert counted.keys() == training_set.dropped.keys()
        savepoint.rollback()
