"""How sure a reward accuracy is: bootstrap intervals over prompts, whose pairs are not independent."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.domain.evaluation import ItemSource

_DRAWS = 10_000
_OUTSIDE = (2.5, 97.5)  # percentiles: 95 % lie between


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean over pairs, mean over prompts, and the 95 % interval of the first."""

    pairs: int
    prompts: int
    mean: float
    mean_by_prompt: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def tells_nothing(self) -> bool:
        """Whether 0.5 lies within the interval."""
        return self.low <= 0.5 <= self.high


def preferences(items: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    """By question: for each of its held-out pairs 1, 0.5 or 0, as a report's items have it."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for scored in items:
        if scored["item"]["source"] == ItemSource.PAIR:
            found[scored["item"]["question"]["text"]].append(float(scored["preferred"]))
    return dict(found)


def accuracy(preferred: Mapping[str, list[float]]) -> Accuracy:
    """Of the pairs of many prompts, drawn prompt by prompt with all of a prompt's pairs."""
    right = np.array([sum(values) for values in preferred.values()])
    pairs = np.array([len(values) for values in preferred.values()])
    chance = np.random.default_rng(1)
    drawn = chance.integers(len(pairs), size=(_DRAWS, len(pairs)))
    low, high = np.percentile(right[drawn].sum(axis=1) / pairs[drawn].sum(axis=1), _OUTSIDE)
    return Accuracy(
        pairs=int(pairs.sum()),
        prompts=len(pairs),
        mean=float(right.sum() / pairs.sum()),
        mean_by_prompt=float((right / pairs).mean()),
        low=float(low),
        high=float(high),
    )
