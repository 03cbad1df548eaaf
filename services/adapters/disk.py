"""Whole folders and files on a local disk: written under another name, made durable, renamed into place."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK_FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process at a time works in `folder`, which is made if need be; a dead process lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def replace_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """`folder` with these files and no others, written in their order; call it under `locked(parent)`.

    Interrupted at any point, it leaves the old folder, no folder, or the whole new one.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for name, content in contents.items():
        with (partial / name).open("wb") as file:
            _write_through(file, [content])
    sync_folder(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    sync_folder(folder.parent)


def replace_file(path: Path, blocks: Iterable[bytes]) -> None:
    """`path` with this content; interrupted at any point, it leaves the old file or the whole new one.

    Needs no lock: who writes a file at the same time has a draft of their own, and the last rename wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            _write_through(draft, blocks)
            Path(draft.name).rename(path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def _write_through(file: IO[bytes], blocks: Iterable[bytes]) -> None:
    file.writelines(blocks)
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Names made, changed or removed in the folder are durable from here on."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
