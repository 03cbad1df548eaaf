"""What a stage gives up, step by step, when memory runs out; nothing here loads or trains.

First the batch gets smaller while as many rows make up one optimiser step, then activations are computed
again instead of kept, and last, rows that are too long are left out.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from services.domain.training import Objective, Recipe

_FILE = "footing.json"
_KEPT = 0.8  # of the rows, by the next length
_FEWEST_ROWS = 0.5  # of the stage: what teaches less than half of a set is not that set any more


@dataclass(frozen=True, slots=True)
class Footing:
    """How a stage uses memory. `length` is in tokens; `concessions` say what was given up so far."""

    batch_size: int
    accumulation: int
    checkpointing: bool
    length: int
    concessions: tuple[str, ...] = ()


def first_footing(recipe: Recipe, objective: Objective, *, longest: int) -> Footing:
    """As the recipe asks; a KTO batch holds two rows at the least, because its answers are compared."""
    training = recipe.training
    batch, accumulation = training.batch_size, training.gradient_accumulation_steps
    if objective is Objective.KTO and batch == 1:
        batch, accumulation = 2, max(1, accumulation // 2)
    return Footing(batch, accumulation, training.gradient_checkpointing, longest)


def next_footing(footing: Footing, *, lengths: Sequence[int], smallest_batch: int) -> Footing | None:
    """The next step down for rows of these lengths; None when there is none left."""
    smaller = _smaller_batch(footing.batch_size, smallest_batch)
    if smaller is not None:
        accumulation = footing.accumulation * footing.batch_size // smaller
        return _conceding(
            replace(footing, batch_size=smaller, accumulation=accumulation),
            f"batch {footing.batch_size} x {footing.accumulation} became {smaller} x {accumulation}",
        )
    if not footing.checkpointing:
        return _conceding(replace(footing, checkpointing=True), "activations are computed again, not kept")
    length = _shorter_length(footing.length, lengths)
    left_out = sum(given > length for given in lengths)
    if len(lengths) - left_out < max(1, _FEWEST_ROWS * len(lengths)):
        return None
    return _conceding(
        replace(footing, length=length), f"{left_out} rows of more than {length} tokens were left out"
    )


def read_footing(folder: Path) -> Footing | None:
    """What an earlier attempt at the stage of this folder had come down to, if it had to."""
    file = folder / _FILE
    return TypeAdapter(Footing).validate_json(file.read_bytes()) if file.exists() else None


def write_footing(footing: Footing, folder: Path) -> None:
    part = folder / f"{_FILE}.part"
    part.write_text(json.dumps(asdict(footing)), encoding="utf-8")
    part.rename(folder / _FILE)


def _smaller_batch(batch: int, smallest: int) -> int | None:
    """The largest divisor at most half as large, so that an optimiser step keeps its number of rows."""
    for size in range(batch // 2, smallest - 1, -1):
        if batch % size == 0:
            return size
    return None


def _shorter_length(length: int, lengths: Sequence[int]) -> int:
    """The greatest length below this one that leaves out at least a fifth of the rows still there."""
    there = sorted(given for given in lengths if given <= length)
    return min(there[int(_KEPT * len(there)) - 1], there[-1] - 1) if len(there) > 1 else 0


def _conceding(footing: Footing, concession: str) -> Footing:
    return replace(footing, concessions=(*footing.concessions, concession))
