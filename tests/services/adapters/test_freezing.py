"""Freezing: a file is whole and durable before it has its name, wherever temporary files live."""

import os
import tempfile
from pathlib import Path

import pytest

from services.adapters.freezing import freeze, thaw
from services.errors.artifacts import FrozenFileCorrupt


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "rows.jsonl"
    made.write_text('{"completion": "Because."}\n')
    return made


def test_a_set_reads_back_from_a_local_store_and_from_another(file: Path, tmp_path: Path):
    for number, url in enumerate((f"file://{tmp_path / 'store'}", "memory://store")):
        frozen = freeze(url, file)
        back = thaw(url, frozen.path, digest=frozen.digest, into=tmp_path / str(number))
        assert back.read_bytes() == file.read_bytes()


def test_a_set_is_on_the_disk_before_it_has_its_name(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[Path] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    target = tmp_path / freeze(f"file://{tmp_path}", file).path
    draft, folder = synced
    assert draft.parent == folder == target.parent
    assert draft.name != target.name
    assert list(target.parent.iterdir()) == [target]


def test_temporary_files_of_the_system_may_lie_anywhere(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """On another file system a move is a copy, which a crash cuts in half; here it would not even begin."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    frozen = freeze(f"file://{tmp_path}", file)
    assert (tmp_path / frozen.path).name == f"{frozen.digest}.jsonl"


def test_a_folder_in_the_place_of_a_file_and_a_file_in_that_of_its_folder_are_lost_sets(
    file: Path, tmp_path: Path
):
    for number in range(2):
        store = tmp_path / str(number)
        frozen = freeze(f"file://{store}", file)
        taken = store / frozen.path
        taken.unlink()
        if number:
            taken.parent.rmdir()
            taken.parent.write_text("")
        else:
            taken.mkdir()
        with pytest.raises(FrozenFileCorrupt):
            thaw(f"file://{store}", frozen.path, digest=frozen.digest, into=tmp_path / "back")
