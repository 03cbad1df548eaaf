import json

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.feedback_tables import EvaluationItemRow, PromptSplitRow, SeedExampleRow
from services.training_sets.importing import import_examples, import_items
from tests.builders import AT, add_persona

GOOD = json.dumps({"instruction": "What is a unit test?", "input": "", "output": "Arr, a wee check!"})


def test_instruction_files_become_seed_examples_with_a_split(session: Session):
    persona = add_persona(session)
    imported = import_examples(session, persona, [GOOD, ""], at=AT)
    assert (imported.added, imported.already_there, imported.rejected) == (1, 0, ())
    row = session.scalars(select(SeedExampleRow)).one()
    assert (row.text, row.completion, row.audience) == (
        "What is a unit test?",
        "Arr, a wee check!",
        "general reader",
    )
    assert session.scalars(select(PromptSplitRow.split_key)).one() == row.split_key


def test_importing_a_file_again_adds_nothing(session: Session):
    persona = add_persona(session)
    import_examples(session, persona, [GOOD], at=AT)
    again = import_examples(session, persona, [GOOD], at=AT)
    assert (again.added, again.already_there) == (0, 1)


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
        pytest.param('{"output": "x", "note": ' + "9" * 5_000 + "}", id="a number of 5000 digits"),
        pytest.param("[" * 100_000, id="100000 brackets"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_the_rest_is_kept(session: Session, bad: str):
    imported = import_examples(session, add_persona(session), [GOOD, bad], at=AT)
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
    imported = import_items(session, add_persona(session), [json.dumps(record)], at=AT)
    assert imported.added == 1
    assert session.scalars(select(EvaluationItemRow.answer_key)).one() == "Paris"
