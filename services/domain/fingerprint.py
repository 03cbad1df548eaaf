"""What a version is served by and how it answers there: the conditions of a report that a promotion keeps to.

The server tells its facts; the log-probabilities of the golden prompts tell what no fact does, such as a
wrong adapter under the right name. Asking for both is `services.evaluation.fingerprints`'s.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.domain.conversation import PROMPT_VERSION
from services.domain.golden import GOLDEN_DIGEST
from services.domain.training import digest_of

# Nats per token, in the mean over all golden prompts. Measured on two bases in 4 bits: other batches moved a
# version by at most 0.005, another kernel of attention by 0.066; the least different two versions were 0.108
# apart, others 0.5 to 2.8, and the same base without quantisation 0.54.
TOLERANCE = 0.08

Golden = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What an inference server says of itself; empty where it does not say.

    `base_digest` is of the base's weights, configuration and quantisation, or of its hub name and commit.
    `server` is the version of the server, `packages` are those that compute, by name.
    """

    base_digest: str
    quantisation: str
    device: str
    server: str
    packages: Mapping[str, str]

    def digest(self) -> str:
        return digest_of(asdict(self))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`golden`: natural-log probabilities of each golden completion's tokens, None for no finite number."""

    facts: ServerFacts
    golden: Golden
    prompt_version: str = PROMPT_VERSION
    golden_digest: str = GOLDEN_DIGEST

    def as_record(self) -> dict[str, Any]:
        """As JSON holds it; `fingerprint_of` reads it back."""
        return asdict(self)


def fingerprint_of(record: Mapping[str, Any]) -> Fingerprint:
    """KeyError, TypeError where the record is of another shape."""
    golden = tuple(tuple(values) for values in record["golden"])
    return Fingerprint(**{**record, "facts": ServerFacts(**record["facts"]), "golden": golden})


def storable(golden: Iterable[Sequence[float]]) -> Golden:
    """With six decimals, as many as anything here can tell apart."""
    return tuple(
        tuple(round(value, 6) if math.isfinite(value) else None for value in values) for values in golden
    )


def differences(evaluated: Fingerprint, served: Fingerprint) -> tuple[str, ...]:
    """In what they differ, in words; empty where a report made under one holds under the other."""
    return (*_facts_apart(evaluated.facts, served.facts), *_answers_apart(evaluated, served))


def _facts_apart(was: ServerFacts, now: ServerFacts) -> Iterator[str]:
    if was.base_digest != now.base_digest:
        yield f"the base is {now.base_digest[:12]}, not {was.base_digest[:12]}"
    named = {"quantisation": (was.quantisation, now.quantisation), "device": (was.device, now.device)}
    named["server"] = (was.server, now.server)
    for package in sorted({*was.packages, *now.packages}):
        named[package] = (was.packages.get(package, ""), now.packages.get(package, ""))
    for name, (before, present) in named.items():
        if before != present:
            yield f"{name} is {present or 'unknown'}, not {before or 'unknown'}"


def _answers_apart(was: Fingerprint, now: Fingerprint) -> Iterator[str]:
    if was.prompt_version != now.prompt_version:
        yield f"the prompt version is {now.prompt_version}, not {was.prompt_version}"
    if was.golden_digest != now.golden_digest:
        yield "the golden prompts are others"
    elif (apart := nats_apart(was.golden, now.golden)) > TOLERANCE:
        yield f"the golden prompts are {apart:.3f} nats a token apart, and {TOLERANCE} is allowed"


def nats_apart(one: Golden, other: Golden) -> float:
    """The mean absolute difference per token; infinite where they differ in what is finite or counted."""
    if [len(values) for values in one] != [len(values) for values in other]:
        return math.inf
    apart = []
    for left, right in zip(_flat(one), _flat(other), strict=True):
        if (left is None) != (right is None):
            return math.inf
        if left is not None and right is not None:
            apart.append(abs(left - right))
    return math.fsum(apart) / len(apart) if apart else 0.0


def _flat(golden: Golden) -> Iterator[float | None]:
    for values in golden:
        yield from values
