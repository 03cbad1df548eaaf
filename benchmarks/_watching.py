"""One canary, watched by the shipped rule and by a naive one: when each of them decides, and what."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks._canary_streams import Stream
from services.domain.canaries import CanaryPolicy, CanaryVerdict, course_under, verdict_of
from services.domain.courses import Course, Heard, numbered
from services.domain.statistics import Floats, Integers
from services.domain.turns import in_turn

_Bounds = Callable[[Floats], Course]


@dataclass(frozen=True, slots=True)
class End:
    """How a canary ended, after how many ratings; KEEP where it did not."""

    verdict: CanaryVerdict
    ratings: int


def watched(stream: Stream, policy: CanaryPolicy) -> End:
    """As shipped: conversations in turn, bounds that hold at every look."""
    order = _in_turn(stream, policy)
    return _end(
        stream, stream.values[:, order], np.maximum.accumulate(order), _shipped(stream, order, policy), policy
    )


def ever_below(stream: Stream, policy: CanaryPolicy) -> bool:
    """Whether the shipped bounds lie below nought at any look of all, as if nothing had ended the canary.

    Of a stream with one rating a conversation.
    """
    order = _in_turn(stream, policy)
    return bool((_shipped(stream, order, policy)(stream.values[0, order]).highs < 0).any())


def watched_naively(stream: Stream, policy: CanaryPolicy) -> End:
    """By the ordinary 95 % interval of the difference of means, as if each look were the only one."""

    def bounds(values: Floats) -> Course:
        return _ordinary(values, stream.canary[: values.size], policy.least_conversations)

    return _end(stream, stream.values, np.arange(stream.canary.size), bounds, policy)


def _in_turn(stream: Stream, policy: CanaryPolicy) -> Integers:
    return np.array(in_turn(stream.raters.tolist(), least_raters=policy.least_raters))


def _shipped(stream: Stream, order: Integers, policy: CanaryPolicy) -> _Bounds:
    canary, raters = stream.canary[order], numbered(stream.raters[order].tolist())
    shares = np.full(order.size, stream.share)

    def bounds(values: Floats) -> Course:
        size = values.size
        return course_under(policy, Heard(values, canary[:size], shares[:size], raters[:size]))

    return bounds


def _end(stream: Stream, values: Floats, came: Integers, bounds: _Bounds, policy: CanaryPolicy) -> End:
    """`values` (looks, n) in the order in which they count; `came` (n,): when each could count first."""
    if stream.looks is None:
        course = bounds(values[0])
        for place, (low, high) in enumerate(zip(course.lows.tolist(), course.highs.tolist(), strict=True)):
            if (verdict := verdict_of(low, high, policy)) is not CanaryVerdict.KEEP:
                return End(verdict, int(came[place]) + 1)
        return End(CanaryVerdict.KEEP, came.size)
    counted = np.searchsorted(came, stream.looks.begun)
    for seen, count, ratings in zip(values, counted.tolist(), stream.looks.ratings.tolist(), strict=True):
        course = bounds(seen[:count])
        verdict = verdict_of(float(course.lows[-1]), float(course.highs[-1]), policy)
        if verdict is not CanaryVerdict.KEEP:
            return End(verdict, ratings)
    return End(CanaryVerdict.KEEP, int(stream.looks.ratings[-1]))


def _ordinary(values: Floats, canary: Floats, least: int) -> Course:
    means, errors = [], []
    few = np.zeros(values.size, dtype=bool)
    for arm in (canary, 1 - canary):
        count = np.cumsum(arm)
        few |= count < least
        mean = np.cumsum(arm * values) / np.maximum(count, 1)
        square = np.cumsum(arm * values**2) / np.maximum(count, 1)
        means.append(mean)
        errors.append(np.maximum(square - mean**2, 0) / np.maximum(count, 1))
    difference = means[0] - means[1]
    widths = np.where(few, np.inf, 1.96 * np.sqrt(errors[0] + errors[1]))
    return Course(difference, difference - widths, difference + widths)
