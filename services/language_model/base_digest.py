"""Which base model this is, by what is held: two folders or servers with one digest hold equal weights.

Adapters are bound to it, and reports made on another base are not compared. Loads nothing.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from transformers.utils.hub import cached_file, extract_commit_hash

from services.domain.training import Quantisation
from services.errors.artifacts import BaseModelMissing

_BLOCK = 1 << 20  # bytes read at once


def base_digest(name: str, *, revision: str, quantisation: Quantisation) -> str:
    """SHA-256 (hex) of a folder's configuration and weights; for a hub name, of it and its commit.

    A base that is not quantised is another one: adapters learn to make up for what 4 bits lose. A hub's
    commit stands for its content, so nothing of many gigabytes is read a second time.
    """
    folder = Path(name)
    held = "" if quantisation is Quantisation.NF4 else str(quantisation)
    if not folder.is_dir():
        return hashlib.sha256(f"{held}{name}@{_commit(name, revision)}".encode()).hexdigest()
    if not (folder / "config.json").is_file():
        raise BaseModelMissing(name, "the folder holds no config.json")
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    return _digest_of_files(
        held, tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    )


def _commit(name: str, revision: str) -> str:
    """What a revision of a hub's model, a branch say, stands for on this machine."""
    try:
        file = cached_file(name, "config.json", revision=revision)
    except (OSError, ValueError) as error:
        raise BaseModelMissing(name, "it has no configuration that can be read") from error
    return extract_commit_hash(file, None) or revision


@lru_cache(maxsize=4)
def _digest_of_files(held: str, files: tuple[tuple[Path, int, int], ...]) -> str:
    """A process asks at the begin and at the end of a training; files of many gigabytes are read once."""
    digest = hashlib.sha256(held.encode())
    for path, _, _ in files:
        digest.update(path.name.encode() + b"\x00")
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
