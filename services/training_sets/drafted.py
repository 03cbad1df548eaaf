"""A draft with what was found on the way to it, once the opinions themselves are not needed any more."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.domain.disagreement import Disagreement
from services.domain.examples import DropReason
from services.training_sets.drafting import Draft, Pile
from services.training_sets.remembering import Memory


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft, with what is still needed of the opinions once it is made.

    `raters` numbers those who spoke by their ids, `excluded` are ids of those whose word does not count,
    `heard` the keys of prompts that are decided anew, where a set goes on from another.
    """

    draft: Draft
    described: dict[str, Any]
    raters: dict[str, int]
    excluded: frozenset[str]
    heard: frozenset[str]
    disagreement: Disagreement | None
    memory: Memory

    @property
    def label_smoothing(self) -> float:
        """The probability that a compared pair's order is wrong; 0 where none is learnt from."""
        return round(self.disagreement.flip, 4) if self.disagreement and not self._by_chance else 0.0

    @property
    def unused(self) -> dict[int, DropReason]:
        """The rows that cannot stay, with the reason: what was compared, where coins would agree as much, and
        what waits on.
        """
        return self._by_coins(self.draft.rows) | self.draft.unfit

    @property
    def unused_references(self) -> dict[int, DropReason]:
        """The references that cannot judge: coins would have chosen as well."""
        return self._by_coins(self.draft.references)

    def _by_coins(self, pile: Pile) -> dict[int, DropReason]:
        lines = np.flatnonzero(pile.compared) if self._by_chance else ()
        return dict.fromkeys(map(int, lines), DropReason.BY_CHANCE)

    @property
    def _by_chance(self) -> bool:
        return self.disagreement is not None and self.disagreement.is_chance
