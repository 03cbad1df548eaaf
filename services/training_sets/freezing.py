"""Freezing a training set: canonical JSONL under its digest in the store, never changed afterwards.

The GPU worker reads it back from there, so a set travels the same way as adapters do.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from services.adapters.disk import replace_file
from services.domain.examples import Demonstration
from services.errors.artifacts import TrainingSetCorrupt

FOLDER = "_training_sets"  # no persona's slug starts with an underscore


def freeze(store_url: str, rows: Iterable[Demonstration]) -> tuple[str, str]:
    """Write rows as JSONL; returns (digest, path below the store). The same rows give the same bytes.

    A file of that name with other bytes, the remains of a crash, is written anew.
    """
    content = "".join(_line(row) for row in rows).encode()
    digest = hashlib.sha256(content).hexdigest()
    path = f"{FOLDER}/{digest}.jsonl"
    filesystem, root = fsspec.core.url_to_fs(store_url)
    target = f"{root.rstrip('/')}/{path}"
    if _read(filesystem, target) != content:
        _write(filesystem, target, content)
    return digest, path


def thaw(store_url: str, path: str, *, digest: str, into: Path) -> Path:
    """A local copy of a frozen set; raises TrainingSetCorrupt when it is gone or its bytes changed."""
    filesystem, root = fsspec.core.url_to_fs(store_url)
    source = f"{root.rstrip('/')}/{path}"
    content = _read(filesystem, source)
    if content is None or hashlib.sha256(content).hexdigest() != digest:
        raise TrainingSetCorrupt(source)
    into.mkdir(parents=True, exist_ok=True)
    local = into / f"{digest}.jsonl"
    local.write_bytes(content)
    return local


def _write(filesystem: fsspec.AbstractFileSystem, path: str, content: bytes) -> None:
    """Durable before it has its name: the row that will name it is durable from its commit on."""
    if isinstance(filesystem, LocalFileSystem):
        replace_file(Path(path), content)
        return
    filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
    filesystem.pipe_file(path, content)  # an object appears whole or not at all


def _read(filesystem: fsspec.AbstractFileSystem, path: str) -> bytes | None:
    try:
        return cast("bytes", filesystem.cat_file(path))
    except FileNotFoundError:
        return None


def _line(row: Demonstration) -> str:
    record = {
        "messages": [{"role": message.role, "content": message.content} for message in row.messages],
        "completion": row.completion,
        "prompt_key": row.item.prompt_key,
        "source": row.item.source_id,
    }
    return json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n"
