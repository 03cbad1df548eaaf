"""How often one person's judgement of a pair of answers goes against what the others find: measured.

It sets the label smoothing of robust DPO (Chowdhury, Kini & Natarajan 2024, "Provably robust DPO: aligning
language models with noisy feedback", arXiv 2403.00409), whose loss is unbiased when the smoothing is the
probability that a label is flipped. Which training uses it is decided in `services.training`.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from services.domain.consensus import Floats, Mask, Opinions
from services.domain.influence import cap_influence
from services.errors.inputs import InvalidPolicy


class Preference(IntEnum):
    """A choice between the two answers of a pair, whichever side of the screen each was shown on."""

    LEFT = 0
    RIGHT = 1
    TIE = 2
    BOTH_BAD = 3


# Robust DPO divides by 1 - 2 x flip, which at this bound is a factor of 5 on the gradient's noise.
LARGEST_FLIP = 0.4
# The default of who asks weighs as much as this many pairs compared twice: 50 measured ones outweigh it.
PRIOR_PAIRS = 20.0
# With so many pairs compared twice, raters who are wrong one time in five pass the test for coins 98 % of the
# time, and coins fail it 95 %.
COIN_PAIRS = 100
ONE_IN_TWENTY = 1.645  # standard deviations
MOST_COMPARERS = 0.5  # the share of judgements by those who were compared, from which on they are the rule
_ROUNDING = 1e-9  # sums of thirds fall short of a whole number


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`flip`: the probability that one judgement goes against its pair's consensus, at most LARGEST_FLIP.

    `pairs` were decided by several people, as many as their raters may speak for, who differed with
    probability `differing` (None where there are none: `flip` is then the caller's default). At 0.5 people
    agree no more than coins do. They gave the share `spoken_for` of all judgements.
    """

    flip: float
    pairs: int
    differing: float | None
    spoken_for: float

    @property
    def is_chance(self) -> bool:
        """Whether so many pairs show no more agreement than coins would.

        Coins differ on half of them; people have to differ on fewer, by more than coins do by chance in one
        of twenty cases (Wald, one-sided). Below COIN_PAIRS nothing is concluded: few pairs of people who
        are often right would look like coins, and the smoothing takes care of their doubt; and nothing of
        people whom few of those who compare have anything to do with.
        """
        if self.differing is None or self.pairs < COIN_PAIRS or self.spoken_for < MOST_COMPARERS:
            return False
        return self.differing > 0.5 - ONE_IN_TWENTY * 0.5 / math.sqrt(self.pairs)


def measure_disagreement(judgements: Opinions, *, default: float) -> Disagreement:
    """Estimate the flip probability from pairs compared by several people; a few are pulled to `default`.

    `judgements.answer` indexes pairs, `choice` is a Preference. When each judgement is flipped with
    probability f, two of one pair differ with probability 2 f (1 - f); this is solved for f. Counting those
    against the majority instead would come out too low: of two people there is no majority. Only LEFT and
    RIGHT count: a tie never becomes a label. A pair compared n times weighs n - 1, the judgements it has to
    compare with a first one, and nobody carries more of that than `influence` allows. For those who never
    compared what another did, the default speaks: two who quarrel over pairs of their own are not everybody.

    Raises InvalidPolicy unless 0 < default <= LARGEST_FLIP.
    """
    if not 0 < default <= LARGEST_FLIP:
        raise InvalidPolicy(f"the default flip probability must lie above 0 and be at most {LARGEST_FLIP}.")
    decided = judgements.where(np.isin(judgements.choice, (Preference.LEFT, Preference.RIGHT)))
    left, right = (_votes(decided, side) for side in (Preference.LEFT, Preference.RIGHT))
    compared = left + right
    several = compared > 1
    others = np.maximum(compared - 1, 0)  # the judgements that a pair has to compare with a first one
    heard = decided.where(several[decided.answer])
    weights = cap_influence(others, row=heard.answer, rater=heard.rater, raters=heard.raters).weights
    weight = float(weights.sum())
    # The share of two judgements of a pair that differ.
    apart = 2 * left * right / np.maximum(compared * others, 1)
    differing = float((weights * apart).sum())
    expected = 2 * default * (1 - default)
    measured = (differing + PRIOR_PAIRS * expected) / (weight + PRIOR_PAIRS)
    spoken_for = _spoken_for(decided, several)
    pooled = spoken_for * measured + (1 - spoken_for) * expected
    flip = (1 - np.sqrt(max(0.0, 1 - 2 * pooled))) / 2
    return Disagreement(
        flip=min(float(flip), LARGEST_FLIP) if weight else default,
        pairs=int(np.floor((weights / np.maximum(others, 1)).sum() + _ROUNDING)),
        differing=differing / weight if weight else None,
        spoken_for=spoken_for,
    )


def _spoken_for(judgements: Opinions, several: Mask) -> float:
    """The share of all judgements, nobody's counted beyond what one may carry, of those who were compared."""
    given = np.ones(judgements.choice.size)
    everyone = cap_influence(
        given, row=np.arange(given.size), rater=judgements.rater, raters=judgements.raters
    ).after
    compared = np.bincount(judgements.rater[several[judgements.answer]], minlength=judgements.raters) > 0
    return float(everyone[compared].sum() / everyone.sum()) if given.size else 0.0


def _votes(judgements: Opinions, preference: Preference) -> Floats:
    chosen = judgements.answer[judgements.choice == preference]
    return np.bincount(chosen, minlength=judgements.answers).astype(np.float64)
