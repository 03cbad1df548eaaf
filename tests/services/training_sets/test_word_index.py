"""Which rows are nearest to a question, from what is kept of their words."""

import json
from pathlib import Path

import pytest

from services.adapters.freezing import Frozen, freeze
from services.errors.artifacts import FrozenFileCorrupt
from services.training_sets import word_index
from services.training_sets.nearness import nearest
from services.training_sets.word_index import KeptIndexes, WordIndex, read_rows

QUESTIONS = ("why is it blue?", "who sails?", "why is the sea blue?", "what is the sea?")


def lines(questions: tuple[str, ...] = QUESTIONS) -> list[bytes]:
    return [
        (json.dumps({"messages": [{"content": one}], "completion": "Ärr."}) + "\n").encode()
        for one in questions
    ]


def frozen(tmp_path: Path, store: str) -> Frozen:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"".join(lines()))
    return freeze(store, file)


@pytest.mark.parametrize("question", ["Why is the sea so blue?", "Who sails the sea?", "Is it?", "Nothing"])
def test_it_finds_what_comparing_every_row_finds(tmp_path: Path, question: str):
    store = f"file://{tmp_path}/store"
    where = frozen(tmp_path, store)
    index = KeptIndexes().of(store, where.path, digest=where.digest)
    found = read_rows(store, where.path, index.nearest(question, count=3))
    assert found == nearest([json.loads(line) for line in lines()], question, count=3)


def test_no_more_than_the_first_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(word_index, "MOST_ROWS", 2)
    index = WordIndex(iter(lines()))
    assert len(index) == 2
    assert index.nearest("the sea", count=3) == []


def test_a_set_is_read_once_until_others_take_its_place_or_it_is_forgotten(tmp_path: Path):
    store = f"file://{tmp_path}/store"
    where = frozen(tmp_path, store)
    kept = KeptIndexes()
    first = kept.of(store, where.path, digest=where.digest)
    assert kept.of(store, where.path, digest=where.digest) is first
    kept.forget(where.digest)
    assert kept.of(store, where.path, digest=where.digest) is not first
    for number in range(4):
        kept.of(store, where.path, digest=str(number))
    (tmp_path / "store" / where.path).unlink()
    with pytest.raises(FrozenFileCorrupt):
        kept.of(store, where.path, digest=where.digest)
