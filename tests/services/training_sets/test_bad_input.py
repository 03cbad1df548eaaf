"""What people and files may throw at a night: a counted drop each time, and nothing else is lost."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, PersonaRow, QuestionRow, RatingRow
from services.db.lineage_tables import TrainingSetRow
from services.domain.conversation import Message, Question
from services.domain.splits import Split, prompt_key, split_key
from services.feedback.questions import new_rater
from services.training_sets.assembly import assemble
from services.training_sets.preparing import Limits
from tests.builders import AT, add_answer, add_comparison, add_correction, add_rating, add_seed, asker_of
from tests.services.training_sets.conftest import Nights, drawn


def copy_often(session: Session, answer: AnswerRow, *, times: int, raters: int) -> None:
    """The question of an answer asked again and again, with another answer each time, each called good."""
    question, crowd = answer.question, [new_rater(session, at=AT) for _ in range(raters)]
    questions: list[UUID] = [uuid4() for _ in range(times)]
    answers: list[UUID] = [uuid4() for _ in range(times)]
    asked = Question(question.text, question.domain, question.audience)
    common = {
        "conversation_id": question.conversation_id,
        "text": question.text,
        "context": "",
        "domain": question.domain,
        "audience": question.audience,
        "prompt_key": prompt_key(asked),
        "split_key": split_key(asked),
        "asked_at": AT,
    }
    session.execute(insert(QuestionRow), [{"id": one, **common} for one in questions])
    said = {
        "adapter_version_id": answer.adapter_version_id,
        "served_name": answer.served_name,
        "prompt_version": "1",
        "generation": {},
        "seed": 1,
        "finish_reason": "stop",
        "latency_ms": 5,
        "accepted_at": AT,
        "created_at": AT,
    }
    rows = [
        {"id": one, "question_id": question_id, "text": f"Text {number}.", **said}
        for number, (one, question_id) in enumerate(zip(answers, questions, strict=True))
    ]
    session.execute(insert(AnswerRow), rows)
    ratings = [
        {
            "answer_id": one,
            "rater_id": crowd[number % raters],
            "stars": 5,
            "submission": uuid4(),
            "created_at": AT + timedelta(minutes=number % 60),
        }
        for number, one in enumerate(answers)
    ]
    session.execute(insert(RatingRow), ratings)


def test_ten_thousand_copies_of_a_prompt_are_one_prompt(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    add_seed(session, persona, next(asked), "Something else.")
    copied = add_answer(session, persona, question=next(asked))
    copy_often(session, copied, times=10_000, raters=100)
    add_correction(session, copied, "Better.")
    began = time.monotonic()
    training_set = nights.assemble()
    assert time.monotonic() - began < 30
    kinds = Counter(row["kind"] for row in nights.rows(training_set))
    assert kinds == {"demonstration": 2, "pair": 1}
    assert training_set.dropped["the prompt has enough unpaired examples"] == 10_000 - 8


def test_who_gives_everything_five_stars_makes_no_demonstration_and_stays_counted(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    fivers = [new_rater(session, at=AT) for _ in range(2)]
    crowd = [new_rater(session, at=AT) for _ in range(3)]
    for place, question in enumerate(islice(asked, 40)):
        answer = add_answer(session, persona, question=question)
        for rater in crowd:
            add_rating(session, answer, stars=5 if place % 2 else 1, rater=rater)
        for rater in fivers:
            add_rating(session, answer, rater=rater)
    theirs_alone = [add_answer(session, persona, question=question) for question in islice(asked, 5)]
    said = [add_rating(session, answer, rater=rater) for answer in theirs_alone for rater in fivers]
    training_set = nights.assemble()
    rows = nights.rows(training_set)
    demonstrations = [row for row in rows if row["kind"] == "demonstration"]
    assert len(demonstrations) == 20
    assert not any(source in row["sources"] for row in demonstrations for source in said)
    labels = Counter(row["label"] for row in rows if row["kind"] == "unpaired")
    assert labels[False] == 20
    assert training_set.report["raters"]["left_out"] == {}


def test_contradictory_pairs_cancel_and_both_are_named(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    add_seed(session, persona, next(asked), "Something else.")
    question = next(asked)
    one, other = (add_answer(session, persona, question=question, text=text) for text in ("One.", "Two."))
    said = {add_comparison(session, one, other, "left"), add_comparison(session, one, other, "right")}
    training_set = nights.assemble()
    assert training_set.counts["pairs"] == 0
    assert nights.excluded(training_set) == {one: {"as many say the opposite"} for one in said}


@pytest.mark.parametrize("same", ["It scatters.", " It  scatters. ", "It\u200b scatters.\ufeff"])
def test_a_correction_equal_to_the_answer_teaches_nothing(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str], same: str
):
    add_seed(session, persona, next(asked), "Something else.")
    equal = add_correction(session, add_answer(session, persona, question=next(asked)), same)
    training_set = nights.assemble()
    assert training_set.row_count == 1
    assert nights.excluded(training_set) == {equal: {"both texts say the same"}}


@pytest.mark.parametrize(
    "text",
    [
        "השמיים כחולים כי האור מתפזר.",
        "\u202bالسماء زرقاء\u202c لأن الضوء يتشتت.",  # noqa: RUF001
        "می‌خواهم بدانم",
        "空は光が散乱するので青い。",
        "👩‍🔬 says: e\u0301 is é",
        "zero\u200bwidth \u2028 line \x85 next",
    ],
)
def test_every_script_is_learnt_letter_by_letter(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str], text: str
):
    question = next(longer for one in asked if drawn(longer := f"{one} {text}") is Split.TRAIN)
    answer = add_answer(session, persona, question=question)
    add_correction(session, answer, text)
    pair, demonstration = sorted(nights.rows(nights.assemble()), key=lambda row: "chosen" not in row)
    assert pair["chosen"] == demonstration["completion"] == text
    assert question in demonstration["messages"][1]["content"]


def test_a_question_with_invisible_characters_is_the_question_without(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    question = next(asked)
    plain = add_answer(session, persona, question=question, text="The same.")
    marked = add_answer(session, persona, question=f"\u200b{question}\u200e", text="The same.")
    sources = [add_rating(session, answer, rater=asker_of(answer)) for answer in (plain, marked)]
    rows = nights.rows(nights.assemble())
    assert [row["sources"] for row in rows if row["kind"] == "demonstration"] == [sorted(sources)]


def test_an_answer_of_four_megabytes_is_excluded_without_reading_it_by_tokens(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str]
):
    def count_tokens(_: tuple[Message, ...], completion: str) -> int:
        assert len(completion) < 1_000_000
        return len(completion)

    add_seed(session, persona, next(asked), "Something else.")
    huge = add_answer(session, persona, question=next(asked), text="a@b.c " * 700_000)
    rating = add_rating(session, huge)
    correction = add_correction(session, huge, "Shorter.")
    began = time.monotonic()
    training_set = assemble(
        session,
        persona,
        cutoff=AT,
        store_url=nights.store_url,
        limits=Limits(1_000, count_tokens),
        at=AT,
    )
    assert time.monotonic() - began < 10
    assert isinstance(training_set, TrainingSetRow)
    assert training_set.counts == {"demonstrations": 2, "pairs": 0, "desirable": 0, "undesirable": 0}
    excluded = nights.excluded(training_set)
    assert excluded[rating] == {"longer than the context", "too few raters agree that it is good"}
    assert excluded[correction] == {"longer than the context"}  # the pair; the demonstration stays


@pytest.mark.parametrize("token", ["<|end|>", "<|im_start|>", "</s>", "[INST]", "<start_of_turn>"])
def test_a_control_token_in_peoples_text_is_broken_in_the_frozen_set(
    session: Session, nights: Nights, persona: PersonaRow, asked: Iterator[str], token: str
):
    question = next(longer for one in asked if drawn(longer := f"{one} {token}") is Split.TRAIN)
    answer = add_answer(session, persona, question=question, text=f"Why {token}?")
    add_correction(session, answer, f"Because {token} of it.")
    training_set = nights.assemble()
    assert training_set.row_count == 2
    assert token not in str(nights.rows(training_set))
    broken = f"{token[0]}\u200b{token[1:]}"
    for row in nights.rows(training_set):
        assert broken in row["messages"][1]["content"]
        assert row.get("completion", row.get("chosen")) == f"Because {broken} of it."
