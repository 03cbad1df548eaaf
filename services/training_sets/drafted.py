"""A draft with what was found on the way to it, once the opinions themselves are not needed any more."""

from dataclasses import dataclass
from typing import Any

from services.domain.disagreement import Disagreement
from services.training_sets.drafting import Draft
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
        """The probability that a pair's order is wrong; 0 where nobody compared."""
        return round(self.disagreement.flip, 4) if self.disagreement else 0.0
