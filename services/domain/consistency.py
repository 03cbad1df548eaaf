"""Whether a rater who compares looks at the answers: the same choice again, known answers, both sides alike.

Counted from what was offered, of which the first choice counts; what comes of it is a person's decision, and
whose word counts in training is `raters`'.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from services.domain.comparing import turned
from services.domain.feedback import Choice

_Z = 1.959964  # of 95 %, two-sided


@dataclass(frozen=True, slots=True)
class JudgedOffer:
    """`expected` is the better side of a known pair, `before` what was chosen of a repeated one at first."""

    choice: Choice
    expected: Choice | None = None
    before: Choice | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 % (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212); everything where nothing was counted."""
        if not self.of:
            return 0.0, 1.0
        share, spread = self.hits / self.of, _Z**2 / self.of
        middle = (share + spread / 2) / (1 + spread)
        half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
        return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))  # for rounding


@dataclass(frozen=True, slots=True)
class Consistency:
    """`repeats`: the same of a pair again, its sides turned. `known`: the better of known ones.

    `left`: the left one, of what was not known and where one of the two was chosen; half of it by lot.
    Somebody who clicks without looking says the same again in a quarter of cases if they click all four
    choices alike and at most in half if they have two, and finds the better of half of the known.
    """

    judged: int
    repeats: Share
    known: Share
    left: Share


def consistency_of(judged: Iterable[JudgedOffer]) -> Consistency:
    """Who finds both bad has not chosen the worse one: of known pairs that is left out."""
    offers = list(judged)
    repeats = [one for one in offers if one.before is not None]
    known = [one for one in offers if one.expected is not None and one.choice is not Choice.BOTH_BAD]
    sided = [
        one.choice for one in offers if one.expected is None and one.choice in {Choice.LEFT, Choice.RIGHT}
    ]
    return Consistency(
        judged=len(offers),
        repeats=Share(sum(one.before == turned(one.choice) for one in repeats), len(repeats)),
        known=Share(sum(one.choice == one.expected for one in known), len(known)),
        left=Share(sided.count(Choice.LEFT), len(sided)),
    )
