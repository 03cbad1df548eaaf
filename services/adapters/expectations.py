"""How a version answered where it was evaluated, as a small file beside it in the store.

One file per version, server and golden prompts: {root}/{persona}/golden/{version}-{conditions}.json, both the
first 12 hex of a digest; of the plain base, {root}/_base/golden/base-{conditions}.json. It carries a checksum
over itself. Nothing here touches a file system.
"""

import json

from services.adapters.store import AdapterName
from services.domain.fingerprint import Fingerprint, fingerprint_of
from services.domain.training import digest_of
from services.errors.artifacts import AdapterCorrupt

FOLDER = "golden"


def prefix_of(name: AdapterName) -> str:
    """What the files of a version begin with."""
    return f"{name.partition('@')[2] or name}-"


def file_of(name: AdapterName, fingerprint: Fingerprint) -> str:
    conditions = [fingerprint.facts.digest(), fingerprint.golden_digest, fingerprint.prompt_version]
    return f"{prefix_of(name)}{digest_of(conditions)[:12]}.json"


def write_expectation(fingerprint: Fingerprint) -> bytes:
    record = fingerprint.as_record()
    content = {"fingerprint": record, "checksum": digest_of(record)}
    return (json.dumps(content, sort_keys=True) + "\n").encode()


def read_expectation(name: AdapterName, raw: bytes) -> Fingerprint:
    """AdapterCorrupt when a byte of it has changed: then nobody can tell whether the adapter is sound."""
    try:
        content = json.loads(raw)
        fingerprint, checksum = fingerprint_of(content["fingerprint"]), content["checksum"]
    except (ValueError, TypeError, KeyError) as error:
        raise AdapterCorrupt(name, "what it is expected to answer cannot be read") from error
    if digest_of(fingerprint.as_record()) != checksum:
        raise AdapterCorrupt(name, "what it is expected to answer does not match its checksum")
    return fingerprint
