"""Where adapters live for ever: immutable, numbered, checksummed PEFT folders behind fsspec.

Layout: {root}/store.json, which says that a store is here, and
{root}/{persona}/v0007/{adapter_config.json, adapter_model.safetensors, manifest.json}. The manifest is
written last, so its presence means the folder is whole. What versions answered where they were evaluated lies
in {root}/{persona}/golden, what the plain base did in {root}/_base/golden. Nothing here knows the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NewType, Protocol

from services.domain.fingerprint import Fingerprint
from services.domain.personas import PersonaSlug

AdapterName = NewType("AdapterName", str)  # "pirate@<first 12 hex of the digest>"; never reused


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` maps file name to SHA-256 (hex); `digest` is the SHA-256 of that mapping and nothing else,

    so equal weights and configuration give equal digests; `provenance` says where they came from.
    """

    persona: PersonaSlug
    number: int
    digest: str
    files: Mapping[str, str]
    provenance: Mapping[str, object]

    @property
    def name(self) -> AdapterName:
        return AdapterName(f"{self.persona}@{self.digest[:12]}")


class AdapterStore(Protocol):
    """All raise AdapterStoreUnavailable where no store was ever begun: a disk that is not mounted, say.

    An absent store must not look like an empty one, or its versions would be taken for lost.
    """

    def begin(self) -> None:
        """Make this place an adapter store; done once, before the very first version is published."""
        ...

    def publish(
        self, folder: Path, *, persona: PersonaSlug, number: int, provenance: Mapping[str, object]
    ) -> Manifest:
        """Copy a finished PEFT folder in as one version; AdapterExists when other bytes have the number.

        Publishing the same bytes under the same number again returns the manifest that is there.
        """
        ...

    def restore(
        self, folder: Path, *, persona: PersonaSlug, number: int, provenance: Mapping[str, object]
    ) -> Manifest:
        """Write a version's files anew over those that are there, whatever became of them.

        `folder` and `provenance` are those it was published with; AdapterExists when its manifest can be read
        and tells of other files. What the version was expected to answer is forgotten with the old files.
        """
        ...

    def expect(self, name: AdapterName, fingerprint: Fingerprint) -> None:
        """Keep how a version, or the plain base, is served where it was evaluated; of one server's the first
        one stays.
        """
        ...

    def expected(self, name: AdapterName) -> tuple[Fingerprint, ...]:
        """What `expect` kept of a version, of every server; AdapterCorrupt where some of it is damaged."""
        ...

    def remembered(self, persona: PersonaSlug) -> Mapping[AdapterName, int]:
        """The bytes of what `expect` kept of each of a persona's versions, whether it has files or not."""
        ...

    def forget(self, name: AdapterName) -> None:
        """Take away what `expect` kept of a version; where there is nothing it is no error."""
        ...

    def manifest(self, name: AdapterName) -> Manifest:
        """The manifest of an adapter by its serving name; AdapterMissing when there is none."""
        ...

    def fetch(self, name: AdapterName, *, into: Path) -> Path:
        """A local folder with the adapter's files, every digest checked; AdapterMissing, AdapterCorrupt."""
        ...

    def sizes(self, persona: PersonaSlug) -> Mapping[int, int]:
        """The bytes of every folder a persona has here, whole or not, by its number."""
        ...

    def last_written(self, persona: PersonaSlug, number: int) -> datetime:
        """When something in a folder was last written; AdapterMissing when there is no such folder."""
        ...

    def remove(self, persona: PersonaSlug, number: int) -> None:
        """Take a folder away, whole or not; one that is gone already is no error.

        Readers find the version or find that there is none; interrupted, it is done again. The caller keeps
        publishers of the persona away.
        """
        ...
