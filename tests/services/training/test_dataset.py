"""Rows become ids and labels: the served prompt masked, the answer learnt, nothing cut."""

import pytest

from services.domain.conversation import Message, Role
from services.errors.artifacts import TrainingSetCorrupt
from services.errors.inputs import InvalidRecord
from services.errors.training import NoSupervisedTokens, NothingToLearn, RowsTooLong
from services.language_model.loading import load_tokenizer
from services.language_model.rendering import render_prompt
from services.training.dataset import IGNORED, refuse_long_rows, show_row, tokenise
from tests.services.training.conftest import ROWS, make_row, write_rows

pytestmark = pytest.mark.slow  # imports transformers


@pytest.fixture(scope="module")
def tokenizer(base):
    return load_tokenizer(str(base), revision="main")


def test_the_ids_before_the_answer_are_those_the_server_feeds(tokenizer, rows_file):
    rows = tokenise(rows_file, tokenizer, chat_template="")

    assert len(rows) == ROWS
    for index, row in enumerate(rows):
        turns = make_row(index)["messages"]
        messages = [Message(Role(turn["role"]), turn["content"]) for turn in turns]
        served = render_prompt(tokenizer, messages, chat_template="")
        assert row.input_ids[: len(served)] == served
        assert row.labels[: len(served)] == [IGNORED] * len(served)
        assert row.labels[len(served) :] == row.input_ids[len(served) :]


def test_the_answer_and_the_token_that_ends_it_are_learnt(tokenizer, rows_file):
    row = tokenise(rows_file, tokenizer, chat_template="")[0]
    learnt = [label for label in row.labels if label != IGNORED]

    assert tokenizer.decode(learnt) == f"{make_row(0)['completion']}<|end|>"
    assert row.supervised_tokens == len(learnt)
    masked, _, shown = show_row(row, tokenizer).partition(", learnt ")
    assert "Question" in masked
    assert make_row(0)["completion"] in shown


def test_control_tokens_in_an_answer_are_text(tokenizer, tmp_path):
    rows = write_rows(tmp_path / "rows", [{**make_row(0), "completion": "one <|end|> two"}])

    learnt = [label for label in tokenise(rows, tokenizer, chat_template="")[0].labels if label != IGNORED]

    assert learnt.count(tokenizer.convert_tokens_to_ids("<|end|>")) == 1


def test_a_set_without_rows_teaches_nothing(tokenizer, tmp_path):
    with pytest.raises(NothingToLearn, match="it holds no rows"):
        tokenise(write_rows(tmp_path / "rows", []), tokenizer, chat_template="")


def test_a_set_of_empty_answers_has_no_supervised_token(tokenizer, tmp_path):
    rows = write_rows(tmp_path / "rows", [{**make_row(index), "completion": " "} for index in range(3)])

    with pytest.raises(NoSupervisedTokens, match="None of the 3 rows"):
        tokenise(rows, tokenizer, chat_template="")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        '{"messages": []}',
        '{"messages": [{"role": "pirate", "content": "x"}], "completion": "y"}',
        '{"messages": [{"role": "user", "content": 7}], "completion": "y"}',
        '{"messages": [], "completion": null}',
    ],
)
def test_a_line_that_is_no_row_is_named(tokenizer, rows_file, tmp_path, line):
    broken = tmp_path / "rows"
    broken.write_text(rows_file.read_text() + line + "\n")

    with pytest.raises(InvalidRecord, match=f"Line {ROWS + 1} "):
        tokenise(broken, tokenizer, chat_template="")


def test_line_separators_inside_an_answer_end_no_line(tokenizer, tmp_path):
    path = tmp_path / "rows"
    row = '{"messages": [{"role": "user", "content": "a\u2028b"}], "completion": "c\x85d"}\n'
    path.write_text(row, encoding="utf-8")

    assert len(tokenise(path, tokenizer, chat_template="")) == 1


def test_a_missing_file_is_a_damaged_set(tokenizer, tmp_path):
    with pytest.raises(TrainingSetCorrupt):
        tokenise(tmp_path / "nowhere", tokenizer, chat_template="")


def test_rows_over_the_limit_are_counted(tokenizer, rows_file):
    rows = tokenise(rows_file, tokenizer, chat_template="")
    lengths = sorted(len(row.input_ids) for row in rows)

    refuse_long_rows(rows, limit=lengths[-1])
    with pytest.raises(RowsTooLong) as error:
        refuse_long_rows(rows, limit=lengths[-1] - 1)
    assert (error.value.rows, error.value.longest) == (lengths.count(lengths[-1]), lengths[-1])
