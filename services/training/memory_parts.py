"""The parts of the memory that training holds, beside those of a published training of Phi-3-mini.

The published one (4 bits, rank 16 on every linear layer, 2 rows of up to 1024 tokens, on a T4 of 15 GB) took
2.0 GB for the base, 0.1 for the adapter, 0.3 for gradients, 0.5 for the optimiser, 1.0 for activations and
0.5 for the batch: 4.4 GB together. How many bytes a part takes here is `memory`'s to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_GIGABYTE, _MEGABYTE = 10**9, 10**6


class Part(StrEnum):
    LINEAR = "base, linear layers in 4 bits"
    LINEAR_HALF = "base, linear layers in bf16"
    REST = "base, embeddings and norms in bf16"
    NEW_TOKENS = "embeddings once more, with the new tokens"
    ADAPTER = "adapter in fp32"
    GRADIENTS = "gradients of the adapter in fp32"
    OPTIMISER = "optimiser"
    REFERENCE = "reference adapter in fp32"
    VALIDATING = "base of the process that validates"
    ACTIVATIONS = "activations (estimate)"
    SCORES = "scores of the vocabulary (estimate)"


# What the published figures call it, theirs in bytes, and what it is here.
_GROUPS: tuple[tuple[str, int, tuple[Part, ...]], ...] = (
    ("base", 2_000_000_000, (Part.LINEAR, Part.LINEAR_HALF, Part.REST, Part.NEW_TOKENS)),
    ("adapter", 100_000_000, (Part.ADAPTER, Part.REFERENCE)),
    ("gradients", 300_000_000, (Part.GRADIENTS,)),
    ("optimiser", 500_000_000, (Part.OPTIMISER,)),
    ("activations", 1_000_000_000, (Part.ACTIVATIONS,)),
    ("batch", 500_000_000, (Part.SCORES,)),
    ("second base, to validate", 0, (Part.VALIDATING,)),
)


@dataclass(frozen=True, slots=True)
class Beside:
    """One part in bytes: here, and in the published training."""

    name: str
    here: int
    published: int


def beside_published(parts: Mapping[str, int]) -> list[Beside]:
    """Each part of the published figures with ours, and last all together."""
    rows = [Beside(name, sum(parts.get(part, 0) for part in ours), theirs) for name, theirs, ours in _GROUPS]
    return [*rows, Beside("together", sum(parts.values()), sum(row.published for row in rows))]


# What the figures are of: of a small base, libraries and leftovers are the most of what is measured on a CPU.
MEASURED = (
    "A peak measured on a CPU is the whole process, with its libraries (half a gigabyte before anything is "
    "loaded), temporary results and memory that was freed; on a GPU it is tensors alone."
)
COUNTED = f"The parts are the tensors that training holds. {MEASURED}"


def size_words(size: int) -> str:
    """`3.65 GB`, `12.3 MB`: decimal units, as the published figures are."""
    if size >= _GIGABYTE:
        return f"{size / _GIGABYTE:.2f} GB"
    return f"{size / _MEGABYTE:.1f} MB" if size else "none"


def table(parts: Mapping[str, int]) -> str:
    """One line a part, ours and the published one's."""
    heading = f"  {'part':<28}{'here':>12}{'published':>12}"
    return "\n".join(
        [
            heading,
            *(
                f"  {row.name:<28}{size_words(row.here):>12}{size_words(row.published):>12}"
                for row in beside_published(parts)
            ),
        ]
    )


def sentence(parts: Mapping[str, int]) -> str:
    """The same as words."""
    said = "; ".join(
        f"{row.name} {size_words(row.here)} here and {size_words(row.published)} published"
        for row in beside_published(parts)
    )
    return f"{said}."
