"""Bounds on a mean that hold at every moment at once, however often they are looked at.

Asymptotic confidence sequences by Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), "Time-uniform central
limit theory and asymptotic confidence sequences", Annals of Statistics 52(6), 2613-2640, arXiv 2103.06476;
the two-sided boundary of Gaussian mixtures.
"""

import math

import numpy as np

from services.domain.statistics import Floats, Integers


def tightest_at(observations: float, alpha: float) -> float:
    """The parameter rho with which the sequence is narrowest at that many observations of variance 1."""
    logarithm = -2 * math.log(alpha)
    return math.sqrt((logarithm + math.log(logarithm) + 1) / observations)


def half_widths(variances: Floats, observations: Integers, *, alpha: float, rho: float) -> Floats:
    """Half the widths around running means at the miss probability `alpha`, over all times together.

    `variances` are the running variances of one observation, after so many `observations` (at least one).
    """
    scaled = observations * variances * rho**2 + 1
    return np.asarray(np.sqrt(scaled / (observations * rho) ** 2 * np.log(scaled / alpha**2)))
