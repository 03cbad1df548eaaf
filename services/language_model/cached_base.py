"""Bases in 4 bits kept on the disk, so that a base is quantised once and not at each start (torch).

Reading them back gives the same bits in a fraction of the time and memory. A kept base is named by all that
decides its bits, appears by one rename, and is safetensors like every other.
"""

import hashlib
import logging
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from transformers import PreTrainedModel

from services.domain.training import Quantisation
from services.language_model.base_digest import base_digest
from services.language_model.machine import device, half_precision

logger = logging.getLogger(__name__)

WORTH_KEEPING = 32 * 2**20  # bytes in memory; a smaller base is quantised as fast as it is read
_KEPT = 2
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


def keep(model: PreTrainedModel, folder: Path) -> None:
    """Keep a base that was just quantised, and of the others the newest.

    It must not have run yet: a CPU repacks 4-bit weights as it runs. A full disk is no reason not to go on.
    """
    if folder.exists() or model.get_memory_footprint() < WORTH_KEEPING:
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=folder.parent))
    try:
        model.save_pretrained(part)
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part)
        logger.warning("the base in 4 bits is not kept, the next start quantises it again: %s", error)
        return
    others = sorted(folder.parent.iterdir(), key=lambda kept: kept.stat().st_mtime, reverse=True)
    for other in others[_KEPT:]:
        shutil.rmtree(other)
