"""Freezing: the file of a set is whole and durable before it has its name, wherever temporary files live."""

import os
import tempfile
from pathlib import Path

import pytest

from services.domain.conversation import Message, Question
from services.domain.examples import Demonstration, FeedbackItem, Source
from services.domain.splits import Split
from services.training_sets.freezing import freeze, thaw
from tests.builders import AT


@pytest.fixture
def row() -> Demonstration:
    item = FeedbackItem(
        source=Source.CORRECTION,
        source_id="correction:1",
        question=Question("Why?", "physics", "student"),
        prompt_key="key",
        split=Split.TRAIN,
        text="Because.",
        stars=None,
        at=AT,
    )
    return Demonstration(item, (Message("user", "Why?"),))


def test_a_set_reads_back_from_a_local_store_and_from_another(row: Demonstration, tmp_path: Path):
    for number, url in enumerate((f"file://{tmp_path / 'store'}", "memory://store")):
        digest, path = freeze(url, [row])
        assert thaw(url, path, digest=digest, into=tmp_path / str(number)).read_bytes().endswith(b"\n")


def test_a_set_is_on_the_disk_before_it_has_its_name(
    row: Demonstration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[Path] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    _, path = freeze(f"file://{tmp_path}", [row])
    target = tmp_path / path
    draft, folder = synced
    assert draft.parent == folder == target.parent
    assert draft.name != target.name
    assert list(target.parent.iterdir()) == [target]


def test_temporary_files_of_the_system_may_lie_anywhere(
    row: Demonstration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """On another file system a move is a copy, which a crash cuts in half; here it would not even begin."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    digest, path = freeze(f"file://{tmp_path}", [row])
    assert (tmp_path / path).name == f"{digest}.jsonl"
