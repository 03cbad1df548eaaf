"""The adapter store behind fsspec: `file://`, `s3://`, `gs://`. Layout and contract are in `store`.

On a local disk a version appears by one rename, under a lock that the publishers of a persona share.
An object store has no rename: there the manifest is uploaded last, as an object that may not exist
yet, and until then the folder does not exist for readers and a retry overwrites it. Two publishers
must not offer different bytes for one number to an object store at the same time; a training run's
own lock keeps them apart.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from services.adapters.digests import sha256_of
from services.adapters.disk import locked, replace_file, replace_folder
from services.adapters.expectations import FOLDER, file_of, prefix_of, read_expectation, write_expectation
from services.adapters.finished import is_sound, offer
from services.adapters.manifests import MANIFEST_FILE, persona_of, read_manifest
from services.adapters.store import AdapterName, Manifest
from services.domain.fingerprint import Fingerprint
from services.domain.personas import PersonaSlug, parse_slug
from services.errors.artifacts import AdapterCorrupt, AdapterExists, AdapterMissing, AdapterRefused
from services.errors.outages import AdapterStoreUnavailable
from services.language_model.asking import BASE_NAME

STORE_FILE = "store.json"
_BASE = "_base"  # no persona's slug starts with an underscore

_VERSION_FOLDER = re.compile(r"v(\d{4,})")


class FileAdapterStore:
    """An AdapterStore at a URL that fsspec can open; AdapterStoreUnavailable when it cannot."""

    def __init__(self, url: str) -> None:
        try:
            self._files, root = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise AdapterStoreUnavailable(url, str(error)) from error
        self._url = url
        self._root = PurePosixPath(root)

    def begin(self) -> None:
        """See AdapterStore."""
        with self._reached():
            self._files.makedirs(str(self._root), exist_ok=True)
            self._files.pipe_file(str(self._root / STORE_FILE), b'{"layout": 1}\n')

    def publish(
        self, folder: Path, *, persona: PersonaSlug, number: int, provenance: Mapping[str, object]
    ) -> Manifest:
        """See AdapterStore; AdapterRefused when the folder is not a finished adapter in safetensors."""
        target = self._folder(parse_slug(persona), number)
        if number < 1:
            raise AdapterRefused(str(folder), "versions are numbered from 1")
        offered, contents = offer(folder, persona=persona, number=number, provenance=provenance)
        self._check_that_it_is_there()
        if self._manifest(persona, number) is None:
            with self._reached():
                self._write(target, contents)
        stored = self._manifest(persona, number)
        if stored is None or stored.digest != offered.digest:
            raise AdapterExists(f"{persona}/{target.name}")
        return stored

    def restore(
        self, folder: Path, *, persona: PersonaSlug, number: int, provenance: Mapping[str, object]
    ) -> Manifest:
        """See AdapterStore. Readers find the old bytes or the new ones, and check whichever they find."""
        target = self._folder(parse_slug(persona), number)
        offered, contents = offer(folder, persona=persona, number=number, provenance=provenance)
        self._check_that_it_is_there()
        try:
            stored = self._manifest(persona, number)
        except AdapterCorrupt:  # the manifest is what was damaged
            stored = None
        if stored is not None and stored.digest != offered.digest:
            raise AdapterExists(f"{persona}/{target.name}")
        with self._reached():
            if isinstance(self._files, LocalFileSystem):
                with locked(Path(target.parent)):
                    replace_folder(Path(target), contents)
            else:
                for name, content in contents.items():
                    self._files.pipe_file(str(target / name), content, mode="overwrite")
        self.forget(offered.name)
        return offered

    def manifest(self, name: AdapterName) -> Manifest:
        """See AdapterStore; AdapterCorrupt when no manifest has the name and one cannot be read."""
        persona = persona_of(name)
        damaged: AdapterCorrupt | None = None
        for number in self._numbers(persona):
            try:
                found = self._manifest(persona, number)
            except AdapterCorrupt as error:
                damaged = error
                continue
            if found is not None and found.name == name:
                return found
        self._check_that_it_is_there()
        if damaged is not None:
            raise AdapterCorrupt(name, f"{damaged.name}: {damaged.reason}")
        raise AdapterMissing(name)

    def fetch(self, name: AdapterName, *, into: Path) -> Path:
        """See AdapterStore: `into` is a cache; what it holds is checked too and replaced if damaged."""
        manifest = self.manifest(name)
        cached = into / name
        with locked(into):
            if not is_sound(cached, manifest):
                replace_folder(cached, self._download(manifest))
        return cached

    def sizes(self, persona: PersonaSlug) -> Mapping[int, int]:
        """See AdapterStore."""
        self._check_that_it_is_there()
        return {
            number: sum(self._sizes_in(self._folder(persona, number)).values())
            for number in self._numbers(parse_slug(persona))
        }

    def last_written(self, persona: PersonaSlug, number: int) -> datetime:
        """See AdapterStore."""
        folder = self._folder(parse_slug(persona), number)
        try:
            times: list[datetime] = [
                self._files.modified(path) for path in self._sizes_in(folder) or [str(folder)]
            ]
        except FileNotFoundError as error:
            raise AdapterMissing(f"{persona}/{folder.name}") from error
        return max(time if time.tzinfo else time.replace(tzinfo=UTC) for time in times)

    def remove(self, persona: PersonaSlug, number: int) -> None:
        """See AdapterStore. The manifest goes first: without it the folder does not exist for readers."""
        folder = self._folder(parse_slug(persona), number)
        self._check_that_it_is_there()
        with self._reached(), suppress(FileNotFoundError):
            self._files.rm_file(str(folder / MANIFEST_FILE))
        with self._reached(), suppress(FileNotFoundError):
            self._files.rm(str(folder), recursive=True)

    def _sizes_in(self, folder: PurePosixPath) -> dict[str, int]:
        """The bytes of each file below a folder, by its path."""
        found: dict[str, dict[str, int]] = {}
        with self._reached(), suppress(FileNotFoundError):
            found = self._files.find(str(folder), detail=True)
        return {path: int(info["size"]) for path, info in found.items()}

    def expect(self, name: AdapterName, fingerprint: Fingerprint) -> None:
        """See AdapterStore."""
        self._check_that_it_is_there()
        file = self._golden_folder(name) / file_of(name, fingerprint)
        if self._read(file) is not None:
            return
        content = write_expectation(fingerprint)
        with self._reached():
            if isinstance(self._files, LocalFileSystem):
                replace_file(Path(file), [content])
            else:
                self._files.pipe_file(str(file), content)

    def expected(self, name: AdapterName) -> tuple[Fingerprint, ...]:
        """See AdapterStore."""
        contents = [self._read(file) for file in self._expectations(name)]
        return tuple(read_expectation(name, content) for content in contents if content is not None)

    def remembered(self, persona: PersonaSlug) -> Mapping[AdapterName, int]:
        """See AdapterStore."""
        sizes: Counter[AdapterName] = Counter()
        for path, size in self._sizes_in(self._root / parse_slug(persona) / FOLDER).items():
            sizes[AdapterName(f"{persona}@{PurePosixPath(path).name.partition('-')[0]}")] += size
        return sizes

    def forget(self, name: AdapterName) -> None:
        """See AdapterStore."""
        for file in self._expectations(name):
            with self._reached(), suppress(FileNotFoundError):
                self._files.rm_file(str(file))

    def _expectations(self, name: AdapterName) -> list[PurePosixPath]:
        folder = self._golden_folder(name)
        names = self._entries(folder)
        return [folder / file for file in sorted(names) if file.startswith(prefix_of(name))]

    def _golden_folder(self, name: AdapterName) -> PurePosixPath:
        return self._root / (_BASE if name == BASE_NAME else persona_of(name)) / FOLDER

    def _download(self, manifest: Manifest) -> dict[str, bytes]:
        folder = self._folder(manifest.persona, manifest.number)
        contents = {}
        for file, digest in manifest.files.items():
            content = self._read(folder / file)
            if content is None:
                self._check_that_it_is_there()
                raise AdapterCorrupt(manifest.name, f"{file} is missing")
            if sha256_of(content) != digest:
                raise AdapterCorrupt(manifest.name, f"{file} does not match its digest")
            contents[file] = content
        return contents

    def _write(self, target: PurePosixPath, contents: Mapping[str, bytes]) -> None:
        """Put a version where none is; leaves it alone if another publisher was faster."""
        if isinstance(self._files, LocalFileSystem):
            with locked(Path(target.parent)):
                if self._read(target / MANIFEST_FILE) is None:
                    replace_folder(Path(target), contents)
            return
        for name, content in contents.items():
            mode = "create" if name == MANIFEST_FILE else "overwrite"
            try:
                self._files.pipe_file(str(target / name), content, mode=mode)
            except FileExistsError:
                return

    def _manifest(self, persona: PersonaSlug, number: int) -> Manifest | None:
        raw = self._read(self._folder(persona, number) / MANIFEST_FILE)
        return None if raw is None else read_manifest(raw, persona=persona, number=number)

    def _check_that_it_is_there(self) -> None:
        if self._read(self._root / STORE_FILE) is None:
            raise AdapterStoreUnavailable(self._url, f"it has no {STORE_FILE}, so it may not be mounted")

    def _numbers(self, persona: PersonaSlug) -> list[int]:
        """The numbers of a persona's folders, newest first, whole or not."""
        names = (_VERSION_FOLDER.fullmatch(name) for name in self._entries(self._root / persona))
        return sorted((int(name[1]) for name in names if name), reverse=True)

    def _entries(self, folder: PurePosixPath) -> list[str]:
        """The names of what lies in a folder; none where there is no folder."""
        entries: list[str] = []
        with self._reached(), suppress(FileNotFoundError):
            entries = self._files.ls(str(folder), detail=False)
        return [PurePosixPath(entry).name for entry in entries]

    def _read(self, path: PurePosixPath) -> bytes | None:
        with self._reached(), suppress(FileNotFoundError):
            return cast("bytes", self._files.cat_file(str(path)))
        return None

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """What keeps a file from being read or written is told as the store's own trouble."""
        try:
            yield
        except OSError as error:
            raise AdapterStoreUnavailable(self._url, str(error)) from error

    def _folder(self, persona: PersonaSlug, number: int) -> PurePosixPath:
        return self._root / persona / f"v{number:04d}"
