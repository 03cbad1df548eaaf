"""Bounds on a mean that hold at every moment at once, however often they are looked at.

Asymptotic confidence sequences by Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), "Time-uniform central
limit theory and asymptotic confidence sequences", Annals of Statistics 52(6), 2613-2640, arXiv 2103.06476;
the two-sided boundary of Gaussian mixtures.
"""

import math


def tightest_at(observations: float, alpha: float) -> float:
    """The parameter rho with which the sequence is narrowest at about that many observations."""
    logarithm = -2 * math.log(alpha)
    return math.sqrt((logarithm + math.log(logarithm) + 1) / observations)


def half_width(variance: float, observations: int, *, alpha: float, rho: float) -> float:
    """Half the width around a running mean at the miss probability `alpha`, over all times together.

    `variance` is the running variance of one observation; infinite before the first.
    """
    if observations < 1:
        return math.inf
    scaled = observations * variance * rho**2 + 1
    return math.sqrt(scaled / (observations**2 * rho**2) * math.log(scaled / alpha**2))
