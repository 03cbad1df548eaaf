"""Digests of adapters: what makes two PEFT folders the same adapter. Reads bytes; writes and loads nothing.

An adapter's digest covers the two files it consists of, so its configuration is brought into one
canonical form first: PEFT dumps sets in an order that changes with every process, and the name of
the base may be a folder of one machine.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePath

from services.domain.training import digest_of
from services.errors.artifacts import AdapterRefused

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
ADAPTER_FILES = (CONFIG_FILE, WEIGHTS_FILE)

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?")


def sha256_of(content: bytes) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(content).hexdigest()


def adapter_digest(files: Mapping[str, str]) -> str:
    """The digest of an adapter from the SHA-256 of each of its files."""
    return digest_of(dict(files))


def canonical_config(raw: bytes) -> bytes:
    """`adapter_config.json` with sorted keys and lists and no folder of this machine.

    A base named by a hub name keeps it; one named by a folder keeps the folder's last part only.
    Raises AdapterRefused when the bytes are not a JSON object.
    """
    try:
        config = json.loads(raw)
    except ValueError as error:
        raise AdapterRefused(CONFIG_FILE, f"it is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise AdapterRefused(CONFIG_FILE, "it is not a JSON object")
    for key, value in config.items():
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            config[key] = sorted(value)
    base = config.get("base_model_name_or_path")
    if isinstance(base, str) and not _HUB_NAME.fullmatch(base):
        config["base_model_name_or_path"] = PurePath(base).name
    return (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()
