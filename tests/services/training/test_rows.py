"""Lines of a training set: each by its kind, and a wrong one named by its number."""

import pytest

from services.domain.conversation import Message, Role
from services.errors.artifacts import FrozenFileCorrupt
from services.errors.inputs import InvalidRecord
from services.training.rows import DemonstrationLine, PairLine, UnpairedLine, read_lines
from tests.services.training.conftest import make_judgement, make_pair, make_row, write_rows


def test_each_line_is_of_its_kind_and_one_without_a_kind_is_a_demonstration(tmp_path):
    sources = {"prompt_key": "k", "sources": ["rating:1"]}
    given = [
        make_row(0),
        {**make_row(0), "kind": "demonstration", **sources},
        {**make_pair(0), **sources},
        {**make_judgement(1), **sources},
    ]

    lines = list(read_lines(write_rows(tmp_path / "rows", given)))

    assert [type(line) for line in lines] == [DemonstrationLine, DemonstrationLine, PairLine, UnpairedLine]
    assert lines[0] == lines[1]
    assert lines[2].rejected == make_pair(0)["rejected"]
    assert lines[3].label is False
    assert lines[3].messages[0] == Message(Role.SYSTEM, "You are an expert in optics.")


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
        '{"kind": "pair", "messages": [], "completion": "y"}',
        '{"kind": "pair", "messages": [], "chosen": "y"}',
        '{"kind": "unpaired", "messages": [], "completion": "y"}',
        '{"kind": "unpaired", "messages": [], "completion": "y", "label": 1}',
        '{"kind": "essay", "messages": [], "completion": "y"}',
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path, line):
    broken = write_rows(tmp_path / "rows", [make_row(0), make_pair(1)])
    broken.write_text(broken.read_text() + line + "\n")

    with pytest.raises(InvalidRecord, match=r"Line 3 .*by its kind"):
        list(read_lines(broken))


def test_line_separators_inside_an_answer_end_no_line(tmp_path):
    path = tmp_path / "rows"
    row = '{"messages": [{"role": "user", "content": "a\u2028b"}], "completion": "c\x85d"}\n'
    path.write_text(row, encoding="utf-8")

    assert len(list(read_lines(path))) == 1


def test_a_missing_file_is_a_damaged_set(tmp_path):
    with pytest.raises(FrozenFileCorrupt):
        list(read_lines(tmp_path / "nowhere"))
