import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow, PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.domain.conversation import Message
from services.domain.examples import ExamplePolicy
from services.domain.training import RunState
from services.errors.artifacts import TrainingSetCorrupt
from services.feedback.recording import correct, rate
from services.training_sets.assembly import Skipped, assemble
from services.training_sets.freezing import thaw
from services.training_sets.importing import import_items
from tests.builders import AT, add_answer, add_persona, add_run, asker_of

POLICY = ExamplePolicy(minimum_rows=2, minimum_new=1)


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session, example_policy=POLICY)


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'adapters'}"


def assembled(
    session: Session, persona: PersonaRow, store_url: str, *, minutes: int = 60
) -> TrainingSetRow | Skipped:
    def count_words(_: tuple[Message, ...], completion: str) -> int:
        return len(completion.split())

    return assemble(
        session,
        persona,
        cutoff=AT + timedelta(minutes=minutes),
        store_url=store_url,
        max_tokens=50,
        count_tokens=count_words,
        at=AT,
    )


def rated(session: Session, persona: PersonaRow, question: str, stars: int = 5) -> AnswerRow:
    answer = add_answer(session, persona, question=question, text=f"About {question}")
    rate(session, answer_id=answer.id, rater=asker_of(answer), stars=stars, submission=uuid4(), at=AT)
    return answer


def lines(training_set: TrainingSetRow, store_url: str, into: Path) -> list[str]:
    local = thaw(store_url, training_set.path, digest=training_set.digest, into=into)
    return local.read_text().splitlines()


def test_the_same_inputs_give_the_same_set_and_the_same_bytes(
    session: Session, persona: PersonaRow, store_url: str, tmp_path: Path
):
    for number in range(20):
        rated(session, persona, f"question {number}?")
    first = assembled(session, persona, store_url)
    again = assembled(session, persona, store_url)
    assert isinstance(first, TrainingSetRow)
    assert isinstance(again, TrainingSetRow)
    assert first.id == again.id
    elsewhere = assembled(session, persona, f"file://{tmp_path / 'elsewhere'}", minutes=61)
    assert isinstance(elsewhere, TrainingSetRow)
    assert elsewhere.digest == first.digest


def test_no_held_out_prompt_is_ever_in_a_set(
    session: Session, persona: PersonaRow, store_url: str, tmp_path: Path
):
    for number in range(60):
        rated(session, persona, f"question {number}?")
    training_set = assembled(session, persona, store_url)
    assert isinstance(training_set, TrainingSetRow)
    held_out = training_set.dropped["held out to judge"]
    assert held_out > 0
    assert training_set.row_count + held_out == 60
    assert len(lines(training_set, store_url, tmp_path)) == training_set.row_count


def test_a_question_that_is_asked_to_judge_is_never_in_a_set(
    session: Session, persona: PersonaRow, store_url: str
):
    for number in range(20):
        rated(session, persona, f"question {number}?")
    before = assembled(session, persona, store_url)
    items = [
        json.dumps({"question": f"question {number}?", "reference": "It is.", "answer_key": "is"})
        for number in range(20)
        if number != 7
    ]
    import_items(session, persona, items, at=AT)
    after = assembled(session, persona, store_url, minutes=61)
    assert isinstance(before, TrainingSetRow)
    assert after == Skipped("pirate: 1 usable rows, and 2 are needed")


def test_items_that_come_in_after_the_cutoff_take_nothing_out_of_its_set(
    session: Session, persona: PersonaRow, store_url: str, tmp_path: Path
):
    for number in range(20):
        rated(session, persona, f"question {number}?")
    before = assembled(session, persona, store_url)
    items = [
        json.dumps({"question": f"question {number}?", "reference": "It is.", "answer_key": "is"})
        for number in range(20)
    ]
    import_items(session, persona, items, at=AT + timedelta(minutes=30))
    earlier = assembled(session, persona, store_url, minutes=29)
    assert isinstance(before, TrainingSetRow)
    assert isinstance(earlier, TrainingSetRow)
    assert lines(earlier, store_url, tmp_path) == lines(before, store_url, tmp_path)


def test_what_was_said_after_the_cutoff_does_not_count(
    session: Session, persona: PersonaRow, store_url: str, tmp_path: Path
):
    answers = [rated(session, persona, f"question {number}?") for number in range(20)]
    for answer in answers:
        correct(
            session,
            answer_id=answer.id,
            rater=asker_of(answer),
            text="Too late.",
            submission=uuid4(),
            at=AT + timedelta(minutes=61),
        )
        rate(
            session,
            answer_id=answer.id,
            rater=asker_of(answer),
            stars=1,
            submission=uuid4(),
            at=AT + timedelta(minutes=61),
        )
    training_set = assembled(session, persona, store_url)
    assert isinstance(training_set, TrainingSetRow)
    assert set(training_set.counts) == {"rating"}
    assert not any("Too late." in line for line in lines(training_set, store_url, tmp_path))


def test_a_rater_who_changed_their_mind_counts_with_the_newest_stars(
    session: Session, persona: PersonaRow, store_url: str
):
    for number in range(10):
        answer = rated(session, persona, f"question {number}?", stars=5)
        rate(session, answer_id=answer.id, rater=asker_of(answer), stars=1, submission=uuid4(), at=AT)
    outcome = assembled(session, persona, store_url)
    assert outcome == Skipped("pirate: 0 usable rows, and 2 are needed")


def test_too_little_feedback_skips_the_night_with_the_reason(
    session: Session, persona: PersonaRow, store_url: str
):
    assert assembled(session, persona, store_url) == Skipped(
        "pirate: 0 new pieces of feedback, and 1 are needed"
    )


def test_nothing_new_since_the_last_trained_set_skips_the_night(
    session: Session, persona: PersonaRow, store_url: str
):
    for number in range(20):
        rated(session, persona, f"question {number}?")
    training_set = assembled(session, persona, store_url)
    assert isinstance(training_set, TrainingSetRow)
    after_a_failed_night = assembled(session, persona, store_url, minutes=90)
    assert isinstance(after_a_failed_night, TrainingSetRow)
    add_run(session, training_set, state=RunState.SUCCEEDED)
    assert isinstance(assembled(session, persona, store_url, minutes=120), Skipped)


def test_another_personas_feedback_stays_out(session: Session, persona: PersonaRow, store_url: str):
    parrot = add_persona(session, slug="parrot", example_policy=POLICY)
    for number in range(20):
        rated(session, parrot, f"question {number}?")
    assert isinstance(assembled(session, persona, store_url), Skipped)


def test_a_changed_file_is_noticed(session: Session, persona: PersonaRow, store_url: str, tmp_path: Path):
    for number in range(20):
        rated(session, persona, f"question {number}?")
    training_set = assembled(session, persona, store_url)
    assert isinstance(training_set, TrainingSetRow)
    file = tmp_path / "adapters" / training_set.path
    file.write_text(file.read_text().replace("About", "Above", 1))
    with pytest.raises(TrainingSetCorrupt):
        thaw(store_url, training_set.path, digest=training_set.digest, into=tmp_path)


def test_half_a_file_left_by_a_crash_is_written_anew(
    session: Session, persona: PersonaRow, store_url: str, tmp_path: Path
):
    for number in range(20):
        rated(session, persona, f"question {number}?")
    first = assembled(session, persona, store_url)
    assert isinstance(first, TrainingSetRow)
    (tmp_path / "adapters" / first.path).write_bytes(b"")
    again = assembled(session, persona, store_url, minutes=61)
    assert isinstance(again, TrainingSetRow)
    assert len(lines(again, store_url, tmp_path)) == again.row_count
