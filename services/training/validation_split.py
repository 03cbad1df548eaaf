"""Which rows are kept out of a stage to see whether it still learns; no model is run here."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from services.training.dataset import Tokenised

_Row = TypeVar("_Row", bound=Tokenised)


def split_off(rows: Sequence[_Row], *, share: float) -> tuple[list[_Row], list[_Row]]:
    """(To learn from, to validate with): about `share` of the prompts, each with all of its rows.

    The choice is by a hash of the prompt, so it stays much as it is when rows are added; at least one
    prompt is learnt from.
    """
    ordered = sorted({_prompt(row) for row in rows}, key=_hash)
    held = set(ordered[: min(round(share * len(ordered)), len(ordered) - 1)])
    return (
        [row for row in rows if _prompt(row) not in held],
        [row for row in rows if _prompt(row) in held],
    )


def _prompt(row: Tokenised) -> tuple[int, ...]:
    return tuple(row.prompt_ids)


def _hash(prompt: tuple[int, ...]) -> str:
    return hashlib.sha256(repr(prompt).encode()).hexdigest()
