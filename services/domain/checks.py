"""Checks of a gate: one question each about a candidate, answered with what was measured and a reason.

A check passes when a bound shows what is asked, fails when the measured value itself says the opposite, and
cannot tell in between; then it says how many items would be enough.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from services.domain.evaluation import METRICS
from services.domain.evidence import Evidence, Mask, SuiteItems
from services.domain.gate_policy import Requirement
from services.domain.statistics import Difference, Floats, paired_difference

# Below, bounds from Student's t are rough, and a few conversations are no evidence about all.
LEAST_WITNESSES = 10
_TOLD = 0.0005  # differences are told in thousandths


class Verdict(StrEnum):
    PASS = "PASS"  # noqa: S105  (a verdict, not a secret)
    FAIL = "FAIL"
    INSUFFICIENT = "INSUFFICIENT"


class Asked(StrEnum):
    BETTER = "better"
    NOT_WORSE = "not worse"
    NOT_SHOWN_WORSE = "not shown worse"  # of items too few to show more
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Check:
    """One question as answered; numbers are in the metric's unit, every one finite or None.

    `against` is the version it was compared with, None for a limit. `difference` is by how much the candidate
    is better (worse where negative), between `low` and `high`, each passed with the check's error rate;
    `required` is what `low` had to exceed, the decoder's noise included, or the limit; `witnesses` are the
    independent conversations that the items are worth. `more_items` are those still needed, at 80 % power,
    should the measured difference be the true one.
    """

    asked: Asked
    metric: str
    slice: str
    against: int | None
    required: float
    items: int
    verdict: Verdict
    reason: str
    measured: float | None = None
    reference: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    witnesses: float = 0.0
    more_items: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is asked of one metric on one slice: that the lower bound of the difference exceeds `bound`.

    NOT_SHOWN_WORSE asks less: that it is not both measured beyond `bound` and shown to be worse at all.
    """

    asked: Asked
    metric: str
    slice: str
    bound: float
    alpha: float
    minimum_items: int


def compare(
    comparison: Comparison, items: SuiteItems, mask: Mask, candidate: Evidence, reference: Evidence
) -> Check:
    """The check of a candidate against another version on the items of `mask` that the metric measures."""
    metric = METRICS[comparison.metric]
    ours, theirs = (one.scores.get(metric.name) for one in (candidate, reference))
    if ours is None or theirs is None:
        return _too_few(comparison, reference, items=0)
    measured = mask & ~np.isnan(theirs.values)
    mine, other, weights = ours.values[measured], theirs.values[measured], theirs.weights[measured]
    if unusable := _unusable(comparison, reference, mine, other):
        return unusable
    worst = -comparison.bound  # how much worse the candidate would be if it just missed what is asked
    difference = paired_difference(
        (1.0 if metric.higher_is_better else -1.0) * (mine - other),
        items.clusters[measured],
        weights,
        step=1.0 if metric.is_share else 0.0,
        # A share that is worse by a margin differs at least on that share of the items.
        least_variance=worst * (1 - worst) if metric.is_share and 0 < worst < 1 else 0.0,
    )
    if difference.witnesses < LEAST_WITNESSES and comparison.asked is not Asked.NOT_SHOWN_WORSE:
        reason = (
            f"{mine.size} items of conversations that count for {difference.witnesses:.1f}, and "
            f"{LEAST_WITNESSES} are needed"
        )
        return _told(comparison, reference, Verdict.INSUFFICIENT, reason, items=mine.size)
    means = tuple(float(np.average(values, weights=weights)) for values in (mine, other))
    return _judge(comparison, reference, difference, means, candidate.noise.get(metric.name, 0.0))


def _unusable(comparison: Comparison, reference: Evidence, mine: Floats, other: Floats) -> Check | None:
    """What is said where there is nothing to compare; None where there is."""
    count = mine.size
    if not count or count < comparison.minimum_items:
        return _too_few(comparison, reference, items=count)
    if np.isnan(mine).any():
        verdict, reason = Verdict.FAIL, f"items that version {reference.version} has are not measured"
    elif not np.isfinite(mine).all():
        verdict, reason = Verdict.FAIL, "it is infinite or not a number"
    elif not np.isfinite(other).all():
        verdict = Verdict.INSUFFICIENT
        reason = f"that of version {reference.version} is infinite or not a number"
    else:
        return None
    return _told(comparison, reference, verdict, reason, items=count)


def keep_to_limit(requirement: Requirement, mask: Mask, candidate: Evidence) -> Check:
    """The check of a requirement's limit: the value as measured, on enough items."""
    scores, limit = candidate.scores.get(requirement.metric), requirement.limit
    assert limit is not None  # noqa: S101  (who asks has looked)
    measured = mask & ~np.isnan(scores.values) if scores else np.zeros_like(mask)
    count, value = int(measured.sum()), math.nan
    if scores and count:
        value = float(np.average(scores.values[measured], weights=scores.weights[measured]))
    higher = METRICS[requirement.metric].higher_is_better
    more = None
    if count < requirement.minimum_items:
        verdict = Verdict.INSUFFICIENT
        reason = f"measured on {count} items, and {requirement.minimum_items} are needed"
        more = requirement.minimum_items - count
    elif not math.isfinite(value):
        # Enough was asked, and the model gave no usable number: a diverged training, not a lack of evidence.
        verdict, reason = Verdict.FAIL, "it is infinite or not a number"
    else:
        good = value >= limit if higher else value <= limit
        words = ("at least" if good else "below") if higher else ("at most" if good else "above")
        verdict, reason = Verdict.PASS if good else Verdict.FAIL, f"{value:.3f} is {words} {limit:.3f}"
    return Check(
        asked=Asked.LIMIT,
        metric=requirement.metric,
        slice=requirement.slice,
        against=None,
        required=limit,
        items=count,
        verdict=verdict,
        reason=reason,
        measured=_finite(value),
        more_items=more,
    )


def _judge(
    comparison: Comparison,
    reference: Evidence,
    difference: Difference,
    means: tuple[float, ...],
    noise: float,
) -> Check:
    low, high = difference.low(comparison.alpha), difference.high(comparison.alpha)
    required, more = comparison.bound + noise, None
    lenient = comparison.asked is Asked.NOT_SHOWN_WORSE
    if low > required or (lenient and (difference.mean > comparison.bound or high >= 0)):
        verdict = Verdict.PASS
    elif difference.mean <= comparison.bound:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.INSUFFICIENT
        if difference.mean > required:
            more = max(1, difference.items_to_exceed(required, comparison.alpha) - difference.items)
    reason = _reason(comparison, reference, difference.mean, low, verdict, more)
    if noise >= _TOLD:
        reason = f"{reason}; the decoder's noise is {noise:.3f}"
    return replace(
        _told(comparison, reference, verdict, reason, items=difference.items),
        required=required,
        measured=means[0],
        reference=means[1],
        difference=difference.mean,
        low=_finite(low),
        high=_finite(high),
        witnesses=difference.witnesses,
        more_items=more,
    )


def _reason(
    comparison: Comparison, reference: Evidence, mean: float, low: float, verdict: Verdict, more: int | None
) -> str:
    whom = "the plain base" if reference.version == 0 else f"version {reference.version}"
    by = f"{abs(mean):.3f} {'better' if mean > 0 else 'worse'} than {whom}"
    if abs(mean) < _TOLD:
        by = f"as good as {whom}"
    doubt = f"({comparison.alpha:.1%} risk)"
    if comparison.asked is Asked.NOT_SHOWN_WORSE and verdict is Verdict.PASS:
        return f"{by} on too few items to show more; not shown to be worse {doubt}"
    sure = f"at least {low:.3f} better" if low >= 0 else f"at most {-low:.3f} worse"
    allowed = "" if comparison.asked is Asked.BETTER else f"; up to {-comparison.bound:.3f} worse is allowed"
    match verdict:
        case Verdict.PASS:
            return f"{by}, {sure} {doubt}{allowed}"
        case Verdict.FAIL:
            return f"{by}: no better" if comparison.asked is Asked.BETTER else f"{by}{allowed}"
        case Verdict.INSUFFICIENT:
            perhaps = (
                "which may be chance" if comparison.asked is Asked.BETTER else f"perhaps {-low:.3f} worse"
            )
            would = f"about {more} more items would tell" if more else "no more than the decoder moves it"
            return f"{by}, {perhaps} {doubt}{allowed}; {would}"


def _too_few(comparison: Comparison, reference: Evidence, *, items: int) -> Check:
    least = max(1, comparison.minimum_items)
    reason = f"measured on {items} items, and {least} are needed"
    told = _told(comparison, reference, Verdict.INSUFFICIENT, reason, items=items)
    return replace(told, more_items=least - items)


def _told(comparison: Comparison, reference: Evidence, verdict: Verdict, reason: str, *, items: int) -> Check:
    """A check with nothing measured yet."""
    return Check(
        asked=comparison.asked,
        metric=comparison.metric,
        slice=comparison.slice,
        against=reference.version,
        required=comparison.bound,
        items=items,
        verdict=verdict,
        reason=reason,
    )


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
