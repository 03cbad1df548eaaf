"""Bases in 4 bits kept on the disk, so that a base is quantised once and not at each start (torch).

Reading them back gives the same bits in a fraction of the time and memory. A kept base is named by all that
decides its bits, appears by one rename, and is safetensors like every other. Beside its files lie their
digests: with a bit that turned on the disk it would be another base, and nothing would tell.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from safetensors import SafetensorError
from transformers import PreTrainedModel

from services.domain.training import Quantisation
from services.language_model.base_digest import base_digest
from services.language_model.machine import device, half_precision

logger = logging.getLogger(__name__)

WORTH_KEEPING = 32 * 2**20  # bytes in memory; a smaller base is quantised as fast as it is read
_KEPT = 2
_PART = "part-"  # begins the name of one that is not whole yet
_MANIFEST = "digests.json"
_PACKAGES = ("torch", "transformers", "bitsandbytes")


def cached_folder(cache: Path, name: str, *, revision: str) -> Path:
    """Where this base is, or would be, kept."""
    parts = [
        base_digest(name, revision=revision, quantisation=Quantisation.NF4),
        device().type,
        half_precision(),
    ]
    parts += [version(package) for package in _PACKAGES]
    return cache / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def check_kept(folder: Path) -> None:
    """Raise ValueError for a kept base whose files are not all there as they were written, OSError for none.

    SHA-256 reads 1.5 GB a second: of 254 MB 0.16 s, where quantising them anew took 13 s.
    """
    written = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    if _digests(folder) != written:
        raise ValueError("its files are not those that were written")


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of each file, the manifest apart."""
    digests = {}
    for path in sorted(folder.iterdir()):
        if path.name != _MANIFEST:
            with path.open("rb") as file:
                digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def keep(model: PreTrainedModel, folder: Path) -> None:
    """Keep a base that was just quantised, and of the others the newest.

    It must not have run yet: a CPU repacks 4-bit weights as it runs. A full disk is no reason not to go on.
    """
    if folder.exists() or model.get_memory_footprint() < WORTH_KEEPING:
        return
    try:
        with _alone_in(folder.parent):
            _write(model, folder)
            _forget_old(folder.parent)
    except (OSError, SafetensorError) as error:
        logger.warning("the base in 4 bits is not kept, the next start quantises it again: %s", error)


@contextmanager
def _alone_in(cache: Path) -> Iterator[None]:
    """Trainers and servers keep their bases in one folder; a dead process lets go."""
    cache.mkdir(parents=True, exist_ok=True)
    handle = os.open(cache, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(model: PreTrainedModel, folder: Path) -> None:
    for left in folder.parent.glob(f"{_PART}*"):  # by a process that was killed: no other is at work here
        shutil.rmtree(left, ignore_errors=True)
    if folder.exists():  # another process was faster
        return
    part = folder.with_name(_PART + folder.name)
    try:
        model.save_pretrained(part)
        (part / _MANIFEST).write_text(json.dumps(_digests(part)), encoding="utf-8")
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _forget_old(cache: Path) -> None:
    kept = sorted(cache.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for old in kept[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
