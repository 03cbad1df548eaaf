"""Sets by key: what names one, what counts at a cutoff, when there is none tonight, and its frozen files."""

import json
from datetime import timedelta
from itertools import islice

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.db.advisory_locks import Space
from services.db.feedback_tables import AnswerRow, PersonaRow
from services.db.lineage_tables import TrainingSetRow, TrainingSetSourcesRow
from services.domain.feedback import Thumb
from services.domain.splits import Split
from services.domain.training import RunState
from services.errors.artifacts import FrozenFileCorrupt
from services.language_model.asking import STOPPED
from services.training_sets.skipping import Skipped
from tests.builders import (
    AT,
    add_answer,
    add_comparison,
    add_correction,
    add_persona,
    add_rating,
    add_retraction,
    add_seed,
    asker_of,
)
from tests.lineage_builders import add_run
from tests.services.training_sets.champions import sources
from tests.services.training_sets.conftest import MAX_TOKENS, POLICY, Nights, Questions

LATE = AT + timedelta(minutes=61)


@pytest.fixture
def answers(session: Session, persona: PersonaRow, questions: Questions) -> list[AnswerRow]:
    """Ten answers to learn from and two on held-out prompts; nothing is said of them yet."""
    asked = [*islice(questions(Split.TRAIN), 10), *islice(questions(Split.HOLDOUT), 2)]
    return [add_answer(session, persona, question=one, text=f"About {one}") for one in asked]


@pytest.fixture
def rated(session: Session, answers: list[AnswerRow]) -> list[AnswerRow]:
    """The same answers, each called good by two raters."""
    for answer in answers:
        add_rating(session, answer)
        add_rating(session, answer, stars=Thumb.UP)
    return answers


@pytest.mark.usefixtures("rated")
def test_the_same_inputs_give_the_same_set_and_the_same_bytes(nights: Nights):
    first, again = nights.assemble(), nights.assemble()
    assert first.id == again.id
    later = nights.assemble(minutes=61, store_url=f"{nights.store_url}-elsewhere")
    assert later.id != first.id
    assert later.digest == first.digest
    assert later.report["excluded"] == first.report["excluded"]
    assert later.report["held_out"] == first.report["held_out"]


@pytest.mark.usefixtures("rated")
def test_rows_have_what_the_trainer_reads(nights: Nights):
    training_set = nights.assemble()
    rows = nights.rows(training_set)
    assert training_set.row_count == len(rows) == 10
    assert training_set.counts == {"demonstrations": 10, "pairs": 0, "desirable": 0, "undesirable": 0}
    assert [row["prompt_key"] for row in rows] == sorted(row["prompt_key"] for row in rows)
    row = next(row for row in rows if row["kind"] == "demonstration")
    assert [message["role"] for message in row["messages"]] == ["system", "user"]
    assert row["completion"].removeprefix("About ") in row["messages"][1]["content"]
    assert training_set.plan["stages"] == ["sft"]
    assert training_set.plan["reasons"][0] == "SFT: 10 demonstrations"


def test_a_set_says_which_sources_it_learnt_from(
    session: Session, nights: Nights, persona: PersonaRow, answers: list[AnswerRow], questions: Questions
):
    one, other = (
        add_answer(session, persona, question=answers[0].question.text, text=text)
        for text in ("One.", "Two.")
    )
    said = [
        add_correction(session, answers[1], "Better."),
        add_comparison(session, one, other),
        add_seed(session, persona, next(questions(Split.TRAIN)), "Seed."),
        *(add_rating(session, answers[2]) for _ in range(2)),
    ]
    not_learnt = add_rating(session, answers[-1])
    training_set = nights.assemble()
    found = session.scalars(
        select(TrainingSetSourcesRow).where(TrainingSetSourcesRow.training_set_id == training_set.id)
    )
    learnt = [f"{row.kind}:{number}" for row in found for number in row.ids]
    assert sorted(learnt) == sorted(said)
    assert not_learnt not in learnt


def test_held_out_prompts_become_references_and_are_never_in_a_row(nights: Nights, rated: list[AnswerRow]):
    training_set = nights.assemble()
    kept_back = {answer.question.prompt_key for answer in rated[-2:]}
    assert {reference["prompt_key"] for reference in nights.references(training_set)} == kept_back
    assert kept_back.isdisjoint(row["prompt_key"] for row in nights.rows(training_set))
    assert training_set.report["held_out"]["references"] == 2
    assert training_set.dropped["held out to judge"] == 4


def test_an_answer_that_was_stopped_in_the_middle_teaches_nothing_but_by_a_better_one(
    session: Session, nights: Nights, rated: list[AnswerRow]
):
    first, second, *_ = rated
    first.finish_reason = second.finish_reason = STOPPED
    add_correction(session, first, text="A whole one.")
    rows = nights.rows(nights.assemble())
    taught = {row.get("completion") or row.get("chosen") for row in rows}
    assert "A whole one." in taught
    assert rated[2].text in taught
    assert not {first.text, second.text} & taught


def test_what_was_said_after_the_cutoff_does_not_count(
    session: Session, nights: Nights, persona: PersonaRow, rated: list[AnswerRow], questions: Questions
):
    before = nights.assemble(minutes=59)
    for answer in rated:
        add_rating(session, answer, stars=1, rater=asker_of(answer), at=LATE)
        add_correction(session, answer, "Too late.", at=LATE)
    late = add_answer(session, persona, question=next(questions(Split.TRAIN)), at=LATE)
    add_rating(session, late, at=LATE)
    add_comparison(session, rated[0], rated[1], at=LATE)
    add_seed(session, persona, next(questions(Split.TRAIN)), "Too late.", at=LATE)
    training_set = nights.assemble()
    assert training_set.digest == before.digest
    assert nights.excluded(training_set) == nights.excluded(before)


def test_a_mind_changed_by_the_cutoff_counts_and_one_changed_later_does_not(
    session: Session, nights: Nights, persona: PersonaRow, answers: list[AnswerRow]
):
    answer = answers[0]
    rater = asker_of(answer)
    add_seed(session, persona, answer.question.text, "Seed.")  # enough for a night
    first = add_rating(session, answer, stars=5, rater=rater)
    second = add_rating(session, answer, stars=1, rater=rater, at=AT + timedelta(minutes=30))
    early, late = nights.assemble(minutes=29), nights.assemble(minutes=31)
    assert first in nights.excluded(early)
    assert second not in nights.excluded(early)
    assert second in nights.excluded(late)
    assert nights.excluded(late)[first] == {"the rater said something newer of the same"}


def test_what_was_taken_back_by_the_cutoff_counts_no_more_and_a_set_of_before_stays_what_it_was(
    session: Session, nights: Nights, persona: PersonaRow, answers: list[AnswerRow]
):
    answer = answers[0]
    add_seed(session, persona, next(iter(answers[1:])).question.text, "Seed.")  # enough for a night
    rater = asker_of(answer)
    first = add_correction(session, answer, "Better.", rater=rater)
    second = add_correction(session, answer, "Oops.", rater=rater, at=AT + timedelta(minutes=30))
    praise = add_rating(session, answer, rater=rater, at=AT + timedelta(minutes=30))
    before = nights.assemble(minutes=30)
    for source in (second, praise):
        add_retraction(session, source, at=AT + timedelta(minutes=30, seconds=40))
    after, again = nights.assemble(minutes=31), nights.assemble(minutes=30, max_tokens=MAX_TOKENS + 1)
    assert again.id != before.id
    assert again.digest == before.digest
    assert nights.excluded(again) == nights.excluded(before)
    assert [{first, second} & sources(nights.rows(one)) for one in (before, after)] == [{second}, {first}]
    for source in (second, praise):
        assert nights.excluded(after)[source] == {"the rater took it back at once"}


def told(outcome: TrainingSetRow | Skipped) -> str:
    assert isinstance(outcome, Skipped)
    return outcome.reason


def test_too_little_feedback_skips_the_night_with_the_reason(nights: Nights):
    assert told(nights.outcome()) == "pirate: 0 new pieces of feedback, and 1 are needed"


def test_feedback_of_no_use_skips_the_night_with_what_is_missing(
    session: Session, nights: Nights, answers: list[AnswerRow]
):
    add_rating(session, answers[0], stars=3)
    assert told(nights.outcome()) == (
        "pirate: no SFT: 0 demonstrations, and 1 are needed; no DPO: 0 pairs, and 1 are needed; "
        "no KTO: 0 unpaired examples, and 2 are needed"
    )


def test_a_skipped_night_accounts_for_everything_that_was_said(
    session: Session, nights: Nights, persona: PersonaRow, answers: list[AnswerRow]
):
    persona.example_policy = persona.example_policy | {"minimum_new": 5}
    add_rating(session, answers[0], stars=3)
    add_rating(session, answers[1], stars=5)
    add_correction(session, answers[2], "Better.")
    add_correction(session, answers[-1], "Judges.")
    waits = nights.outcome()
    assert isinstance(waits, Skipped)
    assert (waits.dropped, waits.counts) == ({"waits until enough is new for a night": 4}, {})

    persona.example_policy = persona.example_policy | {
        "minimum_new": 1,
        "minimum_rows": 9,
        "minimum_pairs": 9,
    }
    skipped = nights.outcome()
    assert isinstance(skipped, Skipped)
    assert skipped.counts == {"demonstrations": 1, "pairs": 1, "desirable": 1, "undesirable": 0}
    assert skipped.dropped == {
        "held out to judge": 1,
        "neither good nor poor by consensus": 1,
        "no stage of the night learns from it": 3,  # of one correction two rows
        "too few raters agree that it is good": 1,
    }


def test_nothing_new_since_the_last_trained_set_skips_the_night(
    session: Session, nights: Nights, rated: list[AnswerRow]
):
    training_set = nights.assemble()
    nights.assemble(minutes=90)  # after a failed night what was said is still new
    add_run(session, training_set, state=RunState.SUCCEEDED)
    assert told(nights.outcome(minutes=120)) == "pirate: 0 new pieces of feedback, and 1 are needed"
    add_comparison(session, rated[0], rated[1], at=AT + timedelta(minutes=121))
    nights.assemble(minutes=122)


@pytest.mark.usefixtures("rated")
def test_what_is_being_learnt_is_not_new_until_that_fails(session: Session, nights: Nights):
    run = add_run(session, nights.assemble(), state=RunState.RUNNING)
    lock = {"space": Space.RUNS.value, "run": run.id}
    session.execute(text("SELECT pg_advisory_lock(:space, :run)"), lock)
    assert told(nights.outcome(minutes=61)) == "pirate: 0 new pieces of feedback, and 1 are needed"
    session.execute(text("SELECT pg_advisory_unlock(:space, :run)"), lock)
    nights.assemble(minutes=62)  # its process was killed
    run.state = RunState.FAILED
    nights.assemble(minutes=63)


@pytest.mark.usefixtures("rated")
def test_a_set_of_equal_rows_counts_as_learnt_though_nothing_trained_it_again(
    session: Session, nights: Nights
):
    first = nights.assemble()
    add_run(session, first, state=RunState.SUCCEEDED)
    seen = add_answer(session, nights.persona, question="Of no use?")
    add_rating(session, seen, stars=3, at=AT + timedelta(minutes=61))
    again = nights.assemble(minutes=62)
    assert (again.digest, again.id == first.id) == (first.digest, False)
    assert told(nights.outcome(minutes=63)) == "pirate: 0 new pieces of feedback, and 1 are needed"


def test_another_personas_feedback_stays_out(session: Session, nights: Nights, questions: Questions):
    parrot = add_persona(session, slug="parrot", example_policy=POLICY)
    asked = next(questions(Split.TRAIN))
    one, other = (add_answer(session, parrot, question=asked, text=text) for text in ("One.", "Two."))
    add_rating(session, one)
    add_correction(session, one, "Better.")
    add_comparison(session, one, other)
    add_seed(session, parrot, asked, "Seed.")
    assert isinstance(nights.outcome(), Skipped)


@pytest.mark.usefixtures("rated")
def test_a_changed_file_is_noticed(nights: Nights):
    training_set = nights.assemble()
    file = nights.folder.parent / "adapters" / training_set.path
    file.write_text(file.read_text().replace("About", "Above", 1))
    with pytest.raises(FrozenFileCorrupt):
        thaw(nights.store_url, training_set.path, digest=training_set.digest, into=nights.folder)


@pytest.mark.usefixtures("rated")
def test_half_a_file_left_by_a_crash_is_written_anew(nights: Nights):
    first = nights.assemble()
    (nights.folder.parent / "adapters" / first.path).write_bytes(b"")
    assert len(nights.rows(nights.assemble(minutes=61))) == first.row_count


@pytest.mark.usefixtures("rated")
def test_a_set_is_stored_in_json_a_person_can_read(session: Session, nights: Nights):
    stored = session.get_one(TrainingSetRow, nights.assemble().id)
    session.refresh(stored)
    report = json.dumps(stored.report)
    assert '"spoke": 24' in report
    assert stored.policy["minimum_rows"] == POLICY.minimum_rows


def test_what_was_compared_on_a_held_out_prompt_judges_as_a_pair(
    session: Session, nights: Nights, persona: PersonaRow, questions: Questions
):
    add_seed(session, persona, next(questions(Split.TRAIN)), "Seed.")
    question = next(questions(Split.HOLDOUT))
    texts = ("One.", "Two.", "Three.")
    one, two, three = (add_answer(session, persona, question=question, text=text) for text in texts)
    decided, undecided = (
        add_comparison(session, one, two, "right"),
        add_comparison(session, one, three, "tie"),
    )
    training_set = nights.assemble()
    (pair,) = nights.references(training_set)
    assert (pair["reference"], pair["rejected"], pair["sources"]) == ("Two.", "One.", [decided])
    assert nights.excluded(training_set) == {
        decided: {"held out to judge"},
        undecided: {"neither answer is the better one"},
    }
    assert training_set.report["held_out"]["references"] == 1
