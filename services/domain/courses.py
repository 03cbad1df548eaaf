"""Where the difference of two arms stands after every conversation, with bounds that hold at all of them."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from services.domain.confidence_sequence import half_widths, tightest_at
from services.domain.statistics import Floats, Integers

# Observations of variance 1 at which the bounds are narrowest: about where ten points are told at half share.
_DECIDED_AT = 1_000
# Of a rater's next conversation everybody's mean is expected until they had about as many.
_EVERYBODY = 5.0
# Conversations of each arm that count in the variance as if they had gone as wrong as can be.
_UNSEEN = 2


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Conversations in the order in which they count, as arrays (n,).

    `canary` is 1 or 0, `propensities` the probability with which it was 1; `raters` are numbered from 0 as
    they first come.
    """

    values: Floats
    canary: Floats
    propensities: Floats
    raters: Integers

    @property
    def weights(self) -> Floats:
        """By which each arm stands for all conversations (n,): the inverse of its probability."""
        return np.where(self.canary > 0, 1 / self.propensities, 1 / (1 - self.propensities))


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """After each conversation (n,): the difference, canary less champion, between its bounds.

    The bounds are infinite as long as too few were heard.
    """

    differences: Floats
    lows: Floats
    highs: Floats


def numbered(raters: Sequence[Hashable]) -> Integers:
    """Raters (n,) as numbers in the order in which they first come."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(rater, len(numbers)) for rater in raters], dtype=np.int64)


def course_of(heard: Heard, *, alpha: float, least: int, least_raters: int) -> Course:
    """The bounds after every conversation, each from what had been heard until then; infinite before `least`
    conversations of each arm and before `least_raters`.

    A conversation's score is what its arm had above what earlier ones let expect, by the inverse probability
    of that arm: its mean is the true difference, whatever was expected and whoever rated. So the scores less
    that difference are a martingale, and the chance that the bounds ever miss it is `alpha` at most.

    That holds for many conversations. Where nearly all are rated alike, the few that are not have often not
    come yet, least of all in an arm with a small share: so some count in the variance before they come, as
    Agresti & Caffo (2000, The American Statistician 54, 280-288) add them to each sample.
    """
    count = np.arange(1, heard.values.size + 1)
    arm = (heard.canary - heard.propensities) / (heard.propensities * (1 - heard.propensities))
    scores = (heard.values - expected(heard)) * arm
    differences = np.cumsum(scores) / count
    unseen = _UNSEEN * (1 / heard.propensities**2 + 1 / (1 - heard.propensities) ** 2)
    squares = np.cumsum(scores**2) + np.maximum.accumulate(unseen)
    variances = np.maximum(squares / count - differences**2, 0.0)
    widths = half_widths(variances, count, alpha=alpha, rho=tightest_at(_DECIDED_AT, alpha))
    canaries = np.cumsum(heard.canary)
    few = np.minimum(canaries, count - canaries) < least
    few |= np.maximum.accumulate(heard.raters) + 1 < least_raters
    widths[few] = np.inf
    return Course(differences, differences - widths, differences + widths)


def expected(heard: Heard) -> Floats:
    """What those before it let expect of each conversation (n,): its rater's mean, drawn to everybody's."""
    before = np.arange(heard.values.size)
    everybody = (0.5 + np.cumsum(heard.values) - heard.values) / (before + 1)
    order = np.argsort(heard.raters, kind="stable")
    others = np.diff(heard.raters[order], prepend=-1) > 0
    starts = np.maximum.accumulate(np.where(others, before, 0))
    summed = np.cumsum(heard.values[order]) - heard.values[order]
    own, times = np.empty_like(everybody), np.empty_like(everybody)
    own[order] = summed - summed[starts]
    times[order] = before - starts
    return np.asarray((own + _EVERYBODY * everybody) / (times + _EVERYBODY))
