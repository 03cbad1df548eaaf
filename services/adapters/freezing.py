"""Freezing files under their digests in the store, never changed afterwards: those of training sets, and the
evidence of decisions.

The GPU worker reads them back from there, so a set travels the same way as adapters do. Files are read and
written in blocks: a set may be larger than memory.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

from services.adapters.disk import replace_file
from services.errors.artifacts import FrozenFileCorrupt

# No persona's slug starts with an underscore.
TRAINING_SETS = "_training_sets"
EVIDENCE = "_evidence"
_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Frozen:
    """SHA-256 (hex) of a file and its path below the store."""

    digest: str
    path: str


def freeze(store_url: str, file: Path, *, folder: str = TRAINING_SETS) -> Frozen:
    """Store a file under its digest; equal bytes give the same file, which is written once."""
    digest = _digest(file)
    path = f"{folder}/{digest}.jsonl"
    filesystem, root = fsspec.core.url_to_fs(store_url)
    target = f"{root.rstrip('/')}/{path}"
    if _digest_in_store(filesystem, target) != digest:
        # Durable before it has its name: the row that will name it is durable from its commit on.
        if isinstance(filesystem, LocalFileSystem):
            replace_file(Path(target), _blocks(file))
        else:
            filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
            filesystem.put_file(str(file), target)  # an object appears whole or not at all
    return Frozen(digest, path)


def thaw(store_url: str, path: str, *, digest: str, into: Path) -> Path:
    """A local copy of a frozen file; raises FrozenFileCorrupt when it is gone, no file or of other bytes.

    What keeps a whole file from being read, such as a right that lacks or a full disk, is raised as it is.
    """
    filesystem, root = fsspec.core.url_to_fs(store_url)
    source = f"{root.rstrip('/')}/{path}"
    into.mkdir(parents=True, exist_ok=True)
    local = into / f"{digest}.jsonl"
    try:
        if filesystem.isdir(source):  # a local store would hand out an empty folder
            raise FrozenFileCorrupt(source)
        filesystem.get_file(source, str(local))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FrozenFileCorrupt(source) from error
    if _digest(local) != digest:
        local.unlink()
        raise FrozenFileCorrupt(source)
    return local


def frozen_files(store_url: str) -> dict[str, int]:
    """The bytes of every file that was frozen, by its path below the store."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    top = root.rstrip("/")
    found: dict[str, int] = {}
    for folder in (TRAINING_SETS, EVIDENCE):
        with suppress(FileNotFoundError):
            files = filesystem.find(f"{top}/{folder}", detail=True)
            found |= {f"{folder}/{PurePosixPath(path).name}": info["size"] for path, info in files.items()}
    return found


def frozen_at(store_url: str, path: str) -> datetime:
    """When a frozen file was written; FileNotFoundError where it is gone."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    written: datetime = filesystem.modified(f"{root.rstrip('/')}/{path}")
    return written if written.tzinfo else written.replace(tzinfo=UTC)


def delete_files(store_url: str, paths: Collection[str]) -> None:
    """Delete files below the store; one that is gone already is."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    for path in paths:
        with suppress(FileNotFoundError):
            filesystem.rm_file(f"{root.rstrip('/')}/{path}")


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(file):
        digest.update(block)
    return digest.hexdigest()


def _digest_in_store(filesystem: fsspec.AbstractFileSystem, path: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with filesystem.open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            yield block
