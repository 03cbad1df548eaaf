"""Invented versions and what they get right, on items that are easy or hard for all of them; seeded.

An item's ease is a normal number that stays with it; a version adds one of its own, and the item is right
where the sum lies above the threshold that gives the version its quality. Two versions of one quality then
differ on as many items as asked, and what has quality 0.6 gets 60 % right in the long run. A loss is the
quality less that sum.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from services.domain.evidence import Evidence, Mask, Scores, SuiteItems
from services.domain.statistics import Floats

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Part:
    """Items of one metric: how many, on what share of them equal versions differ, in how many slices."""

    metric: str
    items: int
    discordance: float
    slices: int = 1
    is_loss: bool = False


class Holdout:
    """The items of several parts one after the other, each a conversation of its own.

    Of the first part the share `sealed` is, every fourth or so of each slice; its slices are the strata.
    """

    def __init__(self, parts: tuple[Part, ...], *, sealed: float, chance: np.random.Generator) -> None:
        self.parts = parts
        self._chance = chance
        self._ease = {part.metric: chance.standard_normal(part.items) for part in parts}
        self._slice_of = {part.metric: np.arange(part.items) % part.slices for part in parts}
        first, count = parts[0], sum(part.items for part in parts)
        strata = [f"slice {number + 1}" for number in self._slice_of[first.metric].tolist()]
        self.items = SuiteItems(
            keys=tuple(map(str, range(count))),
            clusters=np.arange(count),
            strata=(*strata, *[""] * (count - first.items)),
            sealed=_first(round(first.items * sealed), count),
            slices={},
        )
        self._versions = 0

    def ask(self, qualities: dict[str, float | Floats]) -> Evidence:
        """A new version's scores; qualities by metric, one or one a slice (slices,)."""
        self._versions += 1
        scores, begin, count = {}, 0, len(self.items.keys)
        for part in self.parts:
            values = np.full(count, np.nan)
            values[begin : begin + part.items] = self._answered(part, qualities[part.metric])
            scores[part.metric] = Scores(values, np.ones(count))
            begin += part.items
        return Evidence(self._versions, self._versions, "suite", "1", "settings", scores)

    def _answered(self, part: Part, quality: float | Floats) -> Floats:
        # Two normal numbers of correlation r have different signs with probability arccos(r) / pi.
        shared = math.cos(math.pi * part.discordance)
        own = self._chance.standard_normal(part.items)
        known = math.sqrt(shared) * self._ease[part.metric] + math.sqrt(1 - shared) * own
        asked = np.broadcast_to(quality, part.slices)[self._slice_of[part.metric]]
        if part.is_loss:
            return np.asarray(asked - known)
        thresholds = {one: _NORMAL.inv_cdf(1 - one) for one in set(asked.tolist())}
        return (known > np.array([thresholds[one] for one in asked.tolist()])).astype(float)


def _first(number: int, count: int) -> Mask:
    return np.arange(count) < number
