"""The manifest of one adapter version as bytes, and serving names as parts. Touches no file system.

A manifest carries a checksum over itself and is stored in one exact spelling, so any changed byte,
in provenance too, shows when it is read.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import cast

from services.adapters.digests import ADAPTER_FILES, adapter_digest
from services.adapters.store import AdapterName, Manifest
from services.domain.personas import PersonaSlug, parse_slug
from services.domain.training import digest_of
from services.errors.artifacts import AdapterCorrupt, AdapterMissing
from services.errors.inputs import InvalidSlug

MANIFEST_FILE = "manifest.json"

_SHORT_DIGEST = re.compile(r"[0-9a-f]{12}")


def persona_of(name: AdapterName) -> PersonaSlug:
    """The persona in a serving name; AdapterMissing for anything that is not `slug@<12 hex>`."""
    slug, _, digest = name.partition("@")
    try:
        persona = parse_slug(slug)
    except InvalidSlug as error:
        raise AdapterMissing(repr(name[:80])) from error
    if not _SHORT_DIGEST.fullmatch(digest):
        raise AdapterMissing(repr(name[:80]))
    return persona


def make_manifest(
    files: Mapping[str, str],
    *,
    persona: PersonaSlug,
    number: int,
    provenance: Mapping[str, object],
) -> Manifest:
    return Manifest(persona, number, adapter_digest(files), dict(files), dict(provenance))


def write_manifest(manifest: Manifest) -> bytes:
    """The one spelling of a manifest; its provenance must be JSON values."""
    content = asdict(manifest)
    content["checksum"] = digest_of(asdict(manifest))
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read_manifest(raw: bytes, *, persona: PersonaSlug, number: int) -> Manifest:
    """The manifest found in the folder of that version; AdapterCorrupt when a byte of it has changed."""
    place = f"{persona}/v{number:04d}"
    damaged = AdapterCorrupt(place, f"{MANIFEST_FILE} does not match its checksum")
    try:
        content = json.loads(raw)
        manifest = make_manifest(
            cast("Mapping[str, str]", content["files"]),
            persona=persona,
            number=number,
            provenance=cast("Mapping[str, object]", content["provenance"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise damaged from error
    if write_manifest(manifest) != raw or set(manifest.files) != set(ADAPTER_FILES):
        raise damaged
    return manifest
