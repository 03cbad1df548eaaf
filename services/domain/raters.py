"""Raters who do not choose like the others: found by a test that may be read after every opinion.

A flag is a reason for a person to look, never a verdict. Consensus is `services.domain.consensus`; how much
one rater may weigh is `services.domain.influence`.

Two running products, each in order of the rater's opinions, and by Ville's inequality each passes 1/x with
probability at most x, however often it is read:

1. `clicking`: 1 / (K p), with K choices and p the probability that the others give to the choice made. It is
   how many times likelier the choices are for somebody who clicks at random than for somebody who chooses
   like the others, and has mean 1 for the latter. After the Chatbot Arena's published analysis (FastChat,
   `outlier_detect`), which has K = 2, shares ALPHA among nobody and counts the voter among the others. The
   bar is raters / ALPHA: ALPHA bounds the chance that any rater passes who chooses like the others.
2. `blindness`: the same against somebody of another taste, who yet looks at the answer: with probability
   `attention` chooses what the others think right, else by habit (whatever they usually choose). It is how
   many times likelier the choices are by habit alone, or by turning the right one round; its bar, 1 / ALPHA.

Past the first bar a rater is REPORTED, with the share they agree on; past both FLAGGED. Measured among 40
peers who find what is right 80 % of the time, four opinions an answer (tests/domain/test_raters.py):
- opinions turned round (5 % right): reported within 15, flagged within 50 in nineteen cases of twenty;
- clicks at random: reported within 55; of four choices flagged within 650 in nine cases of ten, of three
  within 1 200 in every second one. There they agree on 33 %, and no test tells that from 40 % much sooner.
  Until then the consensus sees that their opinions say nothing, and `influence` caps what they cause;
- an honest minority that agrees 40 %: reported within 100, flagged in at most one case of twenty, ever;
- whoever gives everything 5 stars, where most answers deserve it: not reported. The consensus sees it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from services.domain.consensus import Consensus, Floats, Integers, Mask, Opinions

ALPHA = 0.05
# No probability is taken for smaller or larger. The mean of 1 / (K p) stays at most 1 because LEAST is not
# below 1 - MOST: what the largest probability loses, the small ones lose more than twice over.
LEAST, MOST = 0.05, 0.95
HONEST_AGREEMENT = 0.4  # with the right choice, of somebody of another taste
# How much of the second product bets on opinions turned round, the rest on habit. Turned opinions show within
# a dozen, and so does an honest rater's run of bad luck: they can afford the higher bar, habit cannot.
TURNED_SHARE = 0.1
_BLOCK = 30_000  # opinions tested at once; each needs about 200 bytes meanwhile
_PASSES = 50  # over all opinions at most, to find those of each block


class Standing(StrEnum):
    ORDINARY = "chooses like the others"
    REPORTED = "another taste, or too few opinions to tell it from clicking"
    FLAGGED = "does not look at the answers, or turns opinions round"


@dataclass(frozen=True, slots=True, eq=False)
class RaterFindings:
    """Per rater, arrays (raters,); what was not tested (no answer that others rated) has 0 and NaN.

    `tested` opinions, on `agreement` of which the others thought as the rater did (the mean probability that
    the choice made is right). `clicking` and `blindness` are natural logarithms of the largest value each
    product reached. `reported_after` and `flagged_after` count tested opinions up to the flag, 0 for none.
    What else there is lets the products go on with later opinions: logarithms of where they stand
    (`clicked`; `by_habit` and `turned` are the parts of the second), and `chosen` (raters, choices).
    """

    tested: Integers
    agreed: Floats
    clicking: Floats
    blindness: Floats
    reported_after: Integers
    flagged_after: Integers
    clicked: Floats
    by_habit: Floats
    turned: Floats
    chosen: Integers

    @classmethod
    def none(cls, raters: int, choices: int) -> "RaterFindings":
        """Of raters who said nothing yet."""
        counts, sums = np.zeros(raters, dtype=np.intp), np.zeros(raters)
        return cls(
            tested=counts,
            agreed=sums,
            clicking=sums,
            blindness=sums,
            reported_after=counts,
            flagged_after=counts,
            clicked=sums,
            by_habit=sums,
            turned=sums,
            chosen=np.zeros((raters, choices), dtype=np.intp),
        )

    @property
    def agreement(self) -> Floats:
        with np.errstate(invalid="ignore"):
            return self.agreed / self.tested

    def standing(self, rater: int) -> Standing:
        if self.flagged_after[rater]:
            return Standing.FLAGGED
        return Standing.REPORTED if self.reported_after[rater] else Standing.ORDINARY


def judge_raters(
    opinions: Opinions,
    consensus: Consensus,
    *,
    earlier: RaterFindings | None = None,
    new: Mask | None = None,
) -> RaterFindings:
    """Test every rater on the answers that others rated too; `consensus` is of these same opinions.

    A rater's own opinion is taken out of what the others say. How reliable the others are is known from all
    opinions, so the guarantee is that of a model fitted well, and the test by simulation is its evidence.
    With `earlier` findings of the same raters their products go on from there; `new` (opinions,) then says
    which opinions they have not seen.
    """
    before = earlier or RaterFindings.none(opinions.raters, opinions.choices)
    mask = (opinions.per_answer > 1)[opinions.answer]
    if new is not None:
        mask &= new
    spoke = np.bincount(opinions.rater[mask], minlength=opinions.raters) > 0
    bar = np.log(max(int(np.count_nonzero(spoke | (before.tested > 0))), 1) / ALPHA)
    found = before
    for block in _of_few_raters(opinions.rater):
        tested = block[mask[block]]
        if tested.size:
            order = tested[np.argsort(opinions.rater[tested], kind="stable")]
            found = _go_on(found, opinions.where(order), consensus, bar=bar)
    return found


def _go_on(found: RaterFindings, shared: Opinions, consensus: Consensus, *, bar: float) -> RaterFindings:
    """The findings after further opinions, sorted by rater and time, of answers that others rated."""
    right = _others(shared, consensus)
    made = (np.arange(shared.choice.size), shared.choice)
    runs = _Runs(shared.rater, shared.raters)
    expected = np.clip((right @ consensus.population)[made], LEAST, MOST)
    clicked = runs.cumulate(-np.log(shared.choices * expected)) + found.clicked[shared.rater]
    by_habit, turned = _blindness(shared, right[made], runs, found)
    blind = np.logaddexp(by_habit + np.log(1 - TURNED_SHARE), turned + np.log(TURNED_SHARE))
    reported, blinded = found.reported_after > 0, found.blindness >= -np.log(ALPHA)
    ever_reported = runs.ever(clicked >= bar) | reported[shared.rater]
    ever_blind = runs.ever(blind >= -np.log(ALPHA)) | blinded[shared.rater]
    chosen = found.chosen.copy()
    np.add.at(chosen, (shared.rater, shared.choice), 1)
    return RaterFindings(
        tested=found.tested + runs.lengths,
        agreed=found.agreed + np.bincount(shared.rater, weights=right[made], minlength=shared.raters),
        clicking=np.maximum(found.clicking, runs.largest(clicked)),
        blindness=np.maximum(found.blindness, runs.largest(blind)),
        reported_after=_since(found.reported_after, found.tested, runs.first(ever_reported)),
        flagged_after=_since(found.flagged_after, found.tested, runs.first(ever_reported & ever_blind)),
        clicked=runs.last(clicked, found.clicked),
        by_habit=runs.last(by_habit, found.by_habit),
        turned=runs.last(turned, found.turned),
        chosen=chosen,
    )


def _since(known: Integers, tested: Integers, first: Integers) -> Integers:
    """After how many opinions in all something held, where `first` counts only those after `tested`."""
    return np.where(known > 0, known, np.where(first > 0, tested + first, 0))


def _of_few_raters(rater: Integers) -> Iterator[Integers]:
    """The places of what some raters said, in order: about _BLOCK of them, or all that one rater said."""
    said = np.cumsum(np.bincount(rater))
    block = max(_BLOCK, rater.size // _PASSES)
    begins = np.flatnonzero(np.diff(said // block, prepend=-1)).tolist()
    for first, end in pairwise([*begins, said.size]):
        yield np.flatnonzero((rater >= first) & (rater < end))


def within_daily_limit(rater: Integers, day: Integers, *, limit: int, spent: Integers | int = 0) -> Mask:
    """Which opinions count when each rater's first `limit` of a day do; arrays (opinions,) in order of time.

    `day` is any whole number that is the same all day, such as days since 1970. `spent` (opinions,) is how
    many of that day came before these.
    """
    within = np.empty(rater.size, dtype=bool)
    for block in _of_few_raters(rater):
        before = spent if isinstance(spent, int) else spent[block]
        within[block] = _earlier_that_day(rater[block], day[block]) + before < limit
    return within


def _earlier_that_day(rater: Integers, day: Integers) -> Integers:
    """How many opinions of the same rater and day come before each, (opinions,)."""
    order = np.lexsort((day, rater))
    begins = np.ones(order.size, dtype=bool)
    begins[1:] = (np.diff(rater[order]) != 0) | (np.diff(day[order]) != 0)
    position = np.arange(order.size)
    earlier = np.empty(order.size, dtype=np.intp)
    earlier[order] = position - np.maximum.accumulate(np.where(begins, position, 0))
    return earlier


def _others(opinions: Opinions, consensus: Consensus) -> Floats:
    """What the others think right of the answer behind each opinion, (opinions, choices)."""
    everybody = np.log(np.maximum(consensus.posterior[opinions.answer], np.finfo(float).tiny))
    others = everybody - np.log(consensus.confusion)[opinions.rater, :, opinions.choice]
    others = np.exp(others - others.max(axis=1, keepdims=True))
    return np.asarray(others / others.sum(axis=1, keepdims=True))


def _blindness(
    opinions: Opinions, right: Floats, runs: "_Runs", found: RaterFindings
) -> tuple[Floats, Floats]:
    """The logarithms of the second product's two parts at each opinion: by habit, and turned round.

    `right` is the probability that the choice is.
    """
    choices, rater = opinions.choices, opinions.rater
    chance = 1 / choices
    # Somebody who looks this often and else clicks evenly agrees HONEST_AGREEMENT. Two choices leave no room
    # for that (chance is 50 %): there, agreeing 55 % is looking.
    attention = max(0.1, (HONEST_AGREEMENT - chance) / (1 - chance))
    before = found.chosen[rater, opinions.choice].astype(float)
    for choice in range(choices):
        chosen = opinions.choice == choice
        before[chosen] += runs.cumulate(chosen.astype(float))[chosen] - 1
    # Only what came before counts, one of each choice added: the habit must not know the choice it predicts.
    habit = (before + 1) / (runs.position + found.tested[rater] + choices)
    right = np.clip(right, 1 - MOST, MOST)
    honest = np.log((1 - attention) * habit + attention * right)
    return (
        runs.cumulate(np.log(habit) - honest) + found.by_habit[rater],
        runs.cumulate(np.log((1 - right) / (choices - 1)) - honest) + found.turned[rater],
    )


class _Runs:
    """Sums and firsts within each rater's run of opinions, of arrays sorted by rater and time."""

    def __init__(self, rater: Integers, raters: int) -> None:
        self._rater = rater
        self.lengths = np.bincount(rater, minlength=raters)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self.position = np.arange(rater.size) - self._starts[rater]

    def cumulate(self, values: Floats) -> Floats:
        """Running sums that begin anew with each rater."""
        total = np.concatenate(([0.0], np.cumsum(values)))
        return np.asarray(total[1:] - total[self._starts[self._rater]])

    def largest(self, values: Floats) -> Floats:
        """Each rater's largest value, 0 (a product of 1) where there is none or all lie below."""
        largest = np.zeros(self.lengths.size)
        np.maximum.at(largest, self._rater, values)
        return largest

    def last(self, values: Floats, otherwise: Floats) -> Floats:
        """Each rater's last value, `otherwise` (raters,) where there is none."""
        spoke = self.lengths > 0
        last = otherwise.copy()
        last[spoke] = values[(self._starts + self.lengths - 1)[spoke]]
        return last

    def ever(self, mask: Mask) -> Mask:
        """Whether the mask has held so far, within the rater's run."""
        return self.cumulate(mask.astype(float)) > 0

    def first(self, mask: Mask) -> Integers:
        """The number of the first opinion from which a lasting mask holds, 0 where it never does."""
        unmet = np.bincount(self._rater, weights=~mask, minlength=self.lengths.size).astype(np.intp)
        return np.where(unmet < self.lengths, unmet + 1, 0)
