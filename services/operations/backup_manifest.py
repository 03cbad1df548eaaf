"""What a backup is: a folder with a dump of the database, the store's files, and a manifest of their digests.

Written last and with a checksum over itself, the manifest is what makes a folder a backup.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from services.adapters.disk import replace_file
from services.domain.training import digest_of
from services.errors.artifacts import BackupUnusable
from services.operations.store_files import FileMark, mark_of

MANIFEST_FILE = "manifest.json"
DUMP_FILE = "database.dump"
STORE = "adapters"  # the folder that holds the store's files
_LAYOUT = 1


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """`revision`: of the schema; `heads`: the newest link of each hash chain; `files`: by their paths in it.

    `lacking`: files that rows of the dump name and that the store did not hold soundly.
    """

    made_at: datetime
    revision: str
    heads: Mapping[str, str]
    files: Mapping[str, FileMark]
    lacking: tuple[str, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(mark.size for mark in self.files.values())


def write_backup_manifest(manifest: BackupManifest, folder: Path) -> None:
    """The last file of a backup."""
    content = {"layout": _LAYOUT, **asdict(manifest), "made_at": manifest.made_at.isoformat()}
    content["lacking"] = list(manifest.lacking)
    content["checksum"] = digest_of(content)
    replace_file(folder / MANIFEST_FILE, [json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"])


def read_backup_manifest(folder: Path) -> BackupManifest:
    """The manifest of a backup; BackupUnusable where there is none, or not all of it."""
    try:
        content = json.loads((folder / MANIFEST_FILE).read_bytes())
        checksum = content.pop("checksum")
        if content.get("layout") != _LAYOUT or digest_of(content) != checksum:
            raise BackupUnusable(str(folder), f"{MANIFEST_FILE} was changed, or another release wrote it")
        return _parsed(content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupUnusable(str(folder), f"it has no {MANIFEST_FILE} that can be read") from error


def check_backup(folder: Path, manifest: BackupManifest) -> None:
    """Read every file of a backup once; BackupUnusable names the first that is not what was written."""
    for path, mark in manifest.files.items():
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise BackupUnusable(str(folder), f"{path} lies outside of it")
        try:
            found = mark_of(folder / path)
        except OSError as error:
            raise BackupUnusable(str(folder), f"{path} cannot be read: {error.strerror}") from error
        if found != mark:
            raise BackupUnusable(str(folder), f"{path} does not match its digest")


def _parsed(content: dict[str, Any]) -> BackupManifest:
    return BackupManifest(
        made_at=datetime.fromisoformat(content["made_at"]),
        revision=content["revision"],
        heads=content["heads"],
        files={path: FileMark(**mark) for path, mark in content["files"].items()},
        lacking=tuple(content["lacking"]),
    )
