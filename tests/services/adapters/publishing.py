"""Publishing a version for tests of the adapter store, and damaging it."""

from pathlib import Path, PurePosixPath

import fsspec

from services.adapters.store import AdapterStore
from services.domain.personas import PersonaSlug

PIRATE = PersonaSlug("pirate")
PROVENANCE = {"recipe": {"r": 2}, "seed": 42, "packages": {"torch": "2.13.0"}}


def publish(store: AdapterStore, folder: Path, number: int = 1):
    return store.publish(folder, persona=PIRATE, number=number, provenance=PROVENANCE)


def version_file(url: str, name: str, number: int = 1) -> tuple[fsspec.AbstractFileSystem, str]:
    files, root = fsspec.url_to_fs(url)
    return files, str(PurePosixPath(root) / f"pirate/v{number:04d}" / name)


def flip_byte(url: str, name: str, position: int) -> None:
    files, path = version_file(url, name)
    content = bytearray(files.cat_file(path))
    content[position] ^= 1
    files.pipe_file(path, bytes(content))
