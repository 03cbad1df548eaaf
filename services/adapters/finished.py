"""Finished PEFT folders: what belongs in one, its digest, and whether a copy is sound."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from services.adapters.digests import (
    ADAPTER_FILES,
    CONFIG_FILE,
    WEIGHTS_FILE,
    adapter_digest,
    canonical_config,
    sha256_of,
)
from services.adapters.manifests import MANIFEST_FILE, make_manifest, write_manifest
from services.adapters.store import Manifest
from services.domain.personas import PersonaSlug
from services.errors.artifacts import AdapterRefused


def digest_of_folder(folder: Path) -> str:
    """The digest that publishing a finished folder would give it; AdapterRefused when it is not one."""
    contents = _read_finished(folder)
    return adapter_digest({name: sha256_of(content) for name, content in contents.items()})


def offer(
    folder: Path, *, persona: PersonaSlug, number: int, provenance: Mapping[str, object]
) -> tuple[Manifest, dict[str, bytes]]:
    """What a finished folder is as a version: its manifest, and all files in the order they are written."""
    contents = _read_finished(folder)
    digests = {name: sha256_of(content) for name, content in contents.items()}
    offered = make_manifest(digests, persona=persona, number=number, provenance=provenance)
    return offered, contents | {MANIFEST_FILE: write_manifest(offered)}


def _read_finished(folder: Path) -> dict[str, bytes]:
    """The files of a finished PEFT folder, its configuration made canonical; AdapterRefused otherwise."""
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    missing, others = set(ADAPTER_FILES) - found, found - set(ADAPTER_FILES)
    if missing:
        raise AdapterRefused(str(folder), f"{min(missing)} is missing")
    if others:
        raise AdapterRefused(str(folder), f"{min(others)} does not belong in an adapter")
    try:
        with safe_open(folder / WEIGHTS_FILE, framework="numpy") as weights:
            empty = not list(weights.keys())
    except SafetensorError as error:
        raise AdapterRefused(str(folder), f"{WEIGHTS_FILE} is not a safetensors file") from error
    if empty:
        raise AdapterRefused(str(folder), f"{WEIGHTS_FILE} holds no weights")
    contents = {name: (folder / name).read_bytes() for name in ADAPTER_FILES}
    contents[CONFIG_FILE] = canonical_config(contents[CONFIG_FILE])
    return contents


def is_sound(folder: Path, manifest: Manifest) -> bool:
    """Whether the folder holds the files of a manifest, each with its digest."""
    for file, digest in manifest.files.items():
        path = folder / file
        if not path.is_file() or sha256_of(path.read_bytes()) != digest:
            return False
    return True
