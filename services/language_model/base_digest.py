"""Which base model this is, by what is held: two folders or servers with one digest hold equal weights.

Adapters are bound to it, and reports made on another base are not compared. Loads nothing.
"""

import hashlib
from pathlib import Path

from transformers import PretrainedConfig

from services.domain.training import Quantisation

_BLOCK = 1 << 20  # bytes read at once


def base_digest(name: str, config: PretrainedConfig, quantisation: Quantisation) -> str:
    """SHA-256 (hex) of a folder's configuration and weights; for a hub name, of it and its commit.

    A base that is not quantised is another one: adapters learn to make up for what 4 bits lose.

    `config` is that of the loaded model. A hub's commit stands for its content, so nothing of many gigabytes
    is read a second time.
    """
    folder = Path(name)
    digest = hashlib.sha256(b"" if quantisation is Quantisation.NF4 else quantisation.encode())
    if not folder.is_dir():
        digest.update(f"{name}@{config._commit_hash}".encode())
        return digest.hexdigest()
    for path in sorted([folder / "config.json", *folder.glob("*.safetensors")]):
        digest.update(path.name.encode() + b"\x00")
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
