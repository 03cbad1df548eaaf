"""Imported records as rows: what they become, and that the same file again adds nothing."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.db.base import Base
from services.db.feedback_tables import (
    AnswerRow,
    CommentRow,
    ComparisonRow,
    ConversationRow,
    CorrectionRow,
    CurrentRatingRow,
    EvaluationItemRow,
    QuestionRow,
    RaterRow,
    RatingRow,
    SeedExampleRow,
)
from services.db.prompt_tables import PromptSplitRow
from services.domain.conversation import Question
from services.domain.feedback import Choice, Thumb
from services.domain.splits import split_key
from services.errors.inputs import InvalidRecord
from services.errors.tree import InvalidInput
from services.feedback.erasing import bury
from services.training_sets import importing
from services.training_sets.importers.formats import FormatName
from services.training_sets.importers.records import ImportedComparison, ImportedExample, ImportedRating
from services.training_sets.importing import ImportFile, import_file, import_records
from tests.builders import AT, add_items, add_persona

GOOD = {"instruction": "What is a unit test?", "input": "", "output": "Arr, a wee check!"}
SKY = Question("Why is the sky blue?", "physics", "student")


def write(folder: Path, *lines: str) -> ImportFile:
    file = folder / "examples.jsonl"
    file.write_text("\n".join(lines))
    return ImportFile(file)


def count(session: Session, table: type[Base]) -> int:
    return session.scalars(select(func.count()).select_from(table)).one()


def test_instruction_files_become_seed_examples_with_a_split(session: Session, tmp_path: Path):
    persona = add_persona(session)
    imported = import_file(session, persona, write(tmp_path, json.dumps(GOOD), ""), at=AT)
    assert (imported.added, imported.already_there, imported.rejected) == (1, 0, ())
    row = session.scalars(select(SeedExampleRow)).one()
    assert (row.text, row.completion, row.audience) == (
        "What is a unit test?",
        "Arr, a wee check!",
        "general reader",
    )
    assert session.scalars(select(PromptSplitRow.split_key)).one() == row.split_key


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        '{"instruction": "Why?"}',
        '{"output": "Because."}',
        '{"instruction": 7, "output": "x"}',
        '{"instruction": "a\\u0000b", "output": "x"}',
        '{"instruction": "a\\ud800b", "output": "x"}',
        '{"instruction": "a", "output": "\\ud800"}',
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_the_rest_is_kept(
    session: Session, tmp_path: Path, bad: str
):
    imported = import_file(session, add_persona(session), write(tmp_path, json.dumps(GOOD), bad), at=AT)
    assert imported.added == 1
    assert [error.line for error in imported.rejected] == [2]


def test_items_carry_the_fact_they_ask_for(session: Session):
    record = {
        "question": "What is the capital of France?",
        "domain": "geography",
        "audience": "student",
        "reference": "The capital of France is Paris.",
        "answer_key": "Paris",
    }
    imported = add_items(session, add_persona(session), [json.dumps(record), "{"], at=AT)
    assert (imported.added, [error.line for error in imported.rejected]) == (1, [2])
    assert session.scalars(select(EvaluationItemRow.answer_key)).one() == "Paris"


def test_a_rating_becomes_an_imported_answer_with_its_rating_comment_and_correction(session: Session):
    persona = add_persona(session)
    rating = ImportedRating(SKY, "It is green.", 2, "ann", comment="No.", correction="It scatters.")
    assert import_records(session, persona, [rating], source="grades", at=AT).added == 1
    answer = session.scalars(select(AnswerRow)).one()
    assert (answer.imported, answer.adapter_version_id, answer.served_name) == (True, None, "imported")
    assert answer.question.split_key == session.scalars(select(PromptSplitRow.split_key)).one()
    stored = session.scalars(select(RatingRow)).one()
    assert (stored.stars, stored.thumb, stored.reasons) == (2, None, [])
    assert session.get_one(RaterRow, stored.rater_id).label == "grades:ann"
    assert session.scalars(select(CurrentRatingRow.rating_id)).one() == stored.id
    assert session.scalars(select(CommentRow.text)).one() == "No."
    assert session.scalars(select(CorrectionRow.text)).one() == "It scatters."


def test_the_last_of_a_raters_ratings_of_one_answer_is_the_current_one(session: Session):
    persona = add_persona(session)
    said = [ImportedRating(SKY, "It scatters.", verdict, "ann") for verdict in (2, Thumb.UP, 5)]
    assert import_records(session, persona, said, source="grades", at=AT).added == 3
    (current,) = session.scalars(select(CurrentRatingRow))
    assert session.get_one(RatingRow, current.rating_id).stars == 5


def test_raters_who_compare_the_same_answers_speak_of_the_same_rows(session: Session):
    persona = add_persona(session)
    comparisons = [
        ImportedComparison(SKY, "It scatters.", "It is green.", choice, rater)
        for rater, choice in (("ann", Choice.LEFT), ("bob", Choice.TIE))
    ]
    assert import_records(session, persona, comparisons, source="pairs", at=AT).added == 2
    tables = (ConversationRow, QuestionRow, AnswerRow, ComparisonRow)
    assert [count(session, table) for table in tables] == [1, 1, 2, 2]
    assert len(set(session.scalars(select(ComparisonRow.rater_id)))) == 2


def test_the_same_records_again_add_nothing(session: Session):
    persona = add_persona(session)
    records = [
        ImportedExample(SKY, "It scatters."),
        ImportedRating(SKY, "It is green.", 1, comment="No.", correction="It scatters."),
        ImportedComparison(SKY, "It scatters.", "It is green.", Choice.LEFT),
    ]
    assert import_records(session, persona, records * 2, source="all", at=AT).added == 3
    again = import_records(session, persona, records, source="all", at=AT + timedelta(days=1))
    assert (again.added, again.already_there) == (0, 3)
    tables = (
        AnswerRow,
        RatingRow,
        CurrentRatingRow,
        CommentRow,
        CorrectionRow,
        ComparisonRow,
        SeedExampleRow,
    )
    assert [count(session, table) for table in tables] == [2, 1, 1, 1, 1, 1, 1]


def test_one_file_may_be_imported_into_two_personas(session: Session):
    records = [ImportedRating(SKY, "It scatters.", 5)]
    for slug in ("pirate", "parrot"):
        persona = add_persona(session, slug=slug)
        assert import_records(session, persona, records, source="all", at=AT).added == 1
    assert (count(session, AnswerRow), count(session, RatingRow)) == (2, 2)


def test_records_of_many_batches_are_all_stored(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importing, "_BATCH", 3)
    reads = [
        InvalidRecord(n, "bad") if n % 4 == 0 else ImportedExample(SKY, f"Answer {n}.") for n in range(10)
    ]
    imported = import_records(session, add_persona(session), reads, source="all", at=AT)
    assert (imported.added, [error.line for error in imported.rejected]) == (7, [0, 4, 8])


def test_a_prompt_that_was_asked_before_keeps_its_split(session: Session):
    persona = add_persona(session)
    session.add(
        PromptSplitRow(persona_id=persona.id, split_key=split_key(SKY), split="holdout", assigned_at=AT)
    )
    session.flush()
    import_records(session, persona, [ImportedExample(SKY, "It scatters.")], source="all", at=AT)
    assert session.scalars(select(PromptSplitRow.split)).one() == "holdout"


def test_a_file_that_is_not_there_is_one_sentence(session: Session, tmp_path: Path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        import_file(session, add_persona(session), ImportFile(tmp_path / "none.jsonl"), at=AT)


def test_a_folder_is_all_its_files_of_the_format_and_reports_name_them(session: Session, tmp_path: Path):
    for name, text in (("a.jsonl", json.dumps(GOOD)), ("b.jsonl", "{"), ("LICENSE", "MIT")):
        (tmp_path / name).write_text(text)
    imported = import_file(session, add_persona(session), ImportFile(tmp_path), at=AT)
    assert imported.added == 1
    assert [error.reason.split(":")[0] for error in imported.rejected] == ["b.jsonl"]
    with pytest.raises(InvalidInput, match=r"\.csv"):
        import_file(session, add_persona(session, slug="parrot"), ImportFile(tmp_path, FormatName.MCQ), at=AT)


def test_a_file_is_not_heard_again_in_the_name_of_who_was_erased(session: Session):
    persona = add_persona(session)
    said = [ImportedRating(SKY, "It scatters.", 4, "ann", correction="Arr, it scatters.")]
    assert import_records(session, persona, said, source="votes", at=AT).added == 1
    rater = session.scalars(select(RaterRow).where(RaterRow.label == "votes:ann")).one()
    rater.erased_at = AT
    session.flush()
    bury(session, rater.id, secret="x")
    assert import_records(session, persona, said, source="votes", at=AT).added == 0
    assert [one.text for one in session.scalars(select(CorrectionRow))] == [""]
    assert count(session, RatingRow) == 1
