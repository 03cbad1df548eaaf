"""The files of an adapter store, whatever holds it, copied out and in by blocks.

One may be larger than memory. Which of them a backup needs is its caller's matter.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from services.adapters.disk import replace_file

_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class FileMark:
    """SHA-256 (hex) and size in bytes: what tells a file from a damaged one."""

    digest: str
    size: int


def stored_files(store_url: str) -> list[str]:
    """The paths below the store of all files but drafts and locks, whose names begin with a dot."""
    filesystem, root = fsspec.core.url_to_fs(store_url, use_listings_cache=False)
    found = (PurePosixPath(path).relative_to(root.rstrip("/")) for path in filesystem.find(root))
    return sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts))


def copy_out(store_url: str, path: str, target: Path) -> FileMark | None:
    """Copy a file of the store to this machine; None where it is gone by now."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    try:
        with filesystem.open(f"{root.rstrip('/')}/{path}", "rb") as source:
            copied = _Marking(source)
            replace_file(target, copied.blocks())
    except FileNotFoundError:
        return None
    return copied.mark()


def copy_in(source: Path, store_url: str, path: str) -> None:
    """Copy a file of this machine into the store, where it appears whole or not at all."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    target = f"{root.rstrip('/')}/{path}"
    if isinstance(filesystem, LocalFileSystem):
        with source.open("rb") as file:
            replace_file(Path(target), _Marking(file).blocks())
    else:
        filesystem.put_file(str(source), target)


def take_all_away(store_url: str) -> None:
    """Leave nothing of a store."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    if filesystem.exists(root):
        for entry in filesystem.ls(root, detail=False):
            filesystem.rm(entry, recursive=True)


def mark_of(file: Path) -> FileMark:
    """Of a file on this machine; FileNotFoundError."""
    with file.open("rb") as opened:
        reading = _Marking(opened)
        for _ in reading.blocks():
            pass
    return reading.mark()


class _Marking:
    """A file's blocks, and its mark once they were all read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._size = 0

    def blocks(self) -> Iterator[bytes]:
        while block := self._source.read(_BLOCK):
            self._digest.update(block)
            self._size += len(block)
            yield block

    def mark(self) -> FileMark:
        return FileMark(self._digest.hexdigest(), self._size)
