"""A simulated rate with what chance allows: exact binomial bounds (Clopper & Pearson 1934, Biometrika 26)."""

import math


def upper_bound(hits: int, trials: int, *, level: float = 0.975) -> float:
    """The largest rate under which so few hits have a chance of 1 - level still; by bisection to 1e-6."""
    low, high = hits / trials, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, trials, middle) > 1 - level else (low, middle)
    return high


def _at_most(hits: int, trials: int, rate: float) -> float:
    """The chance of so many hits or fewer."""
    if rate >= 1:
        return float(hits >= trials)
    logarithms = (
        math.lgamma(trials + 1)
        - math.lgamma(count + 1)
        - math.lgamma(trials - count + 1)
        + count * math.log(rate or 1e-300)
        + (trials - count) * math.log1p(-rate)
        for count in range(hits + 1)
    )
    return math.fsum(map(math.exp, logarithms))
