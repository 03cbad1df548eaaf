"""How much of a training set's weight one rater may carry, whatever the number of their opinions.

Who counts as a rater of a row is the assembler's to say; who is hostile is `services.domain.raters`'.
"""

from dataclasses import dataclass

import numpy as np

from services.domain.consensus import Floats, Integers
from services.errors.inputs import InvalidOpinions

SHARE = 0.02
# Few raters cannot all stay below 2 %: each may carry twice an equal share.
EQUAL_SHARES = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """`weights` (rows,) after the cap; `limit`, the share of their sum that nobody exceeds.

    `parts` (entries,): what each entry carries of its row now; they are no longer equal within a row that a
    capped rater shares, so who carries what is read here and not worked out from `weights`.
    `before` and `after` (raters,): the weight each rater carried; they differ for those who were capped.
    """

    weights: Floats
    parts: Floats
    limit: float
    before: Floats
    after: Floats


def cap_influence(weights: Floats, *, row: Integers, rater: Integers, raters: int) -> Influence:
    """Shrink what the loudest raters carry to max(2 %, 2 / active raters) of what is left, and nothing else.

    `weights` (rows,) are not negative; `row` and `rater` are parallel, one entry for each opinion or
    correction that made a row. A row's weight belongs to its entries in equal parts, as each was as much a
    reason to learn it: a capped rater loses only their own parts of a row, and what the others carry in it
    stays. Rows without entries (seed data) belong to nobody, are never capped and count in the total.

    The cap is exact and leaves as much as possible: no larger weights would satisfy it. Raises
    InvalidOpinions when the arrays do not fit.
    """
    _check(weights, row, rater, raters)
    entries = np.bincount(row, minlength=weights.size)
    parts = weights[row] / entries[row]
    before: Floats = np.bincount(rater, weights=parts, minlength=raters).astype(np.float64)
    active = int(np.count_nonzero(before))
    limit = max(SHARE, EQUAL_SHARES / max(active, 1))
    after = np.minimum(before, _level(before, float(weights[entries == 0].sum()), limit))
    factor = np.divide(after, before, out=np.ones(raters), where=before > 0)
    parts = parts * factor[rater]
    # Rows that lost nothing keep their exact weight: the sum of their parts could differ in the last bit.
    touched = np.zeros(weights.size, dtype=bool)
    touched[row[factor[rater] < 1]] = True
    capped = np.where(touched, np.bincount(row, weights=parts, minlength=weights.size), weights)
    return Influence(capped, parts, limit, before, after)


def _level(carried: Floats, unowned: float, limit: float) -> float:
    """The largest weight one rater may carry, so that it is `limit` of what all carry once capped to it.

    With the k loudest capped, the total is T = k limit T + the rest. The first k whose level lies at or above
    the next rater's weight is the answer. It comes before k reaches 1 / limit, which is at most half of the
    active raters: as k nears that the level grows without bound.
    """
    descending = np.sort(carried)[::-1]
    rest = np.cumsum(descending[::-1])[::-1] + unowned
    for capped, loudest in enumerate(descending):
        level = limit * rest[capped] / (1 - capped * limit)
        if loudest <= level:
            return float(level)
    return np.inf  # nobody carries anything


def _check(weights: Floats, row: Integers, rater: Integers, raters: int) -> None:
    if row.shape != rater.shape:
        raise InvalidOpinions("rows and raters differ in length")
    if row.size and not (row.min() >= 0 and row.max() < weights.size):
        raise InvalidOpinions("a row lies outside the weights")
    if rater.size and not (rater.min() >= 0 and rater.max() < raters):
        raise InvalidOpinions("a rater lies outside the raters")
    if weights.size and weights.min() < 0:
        raise InvalidOpinions("a weight is negative")
