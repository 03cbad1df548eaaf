"""What the difference of two versions on the same items says of all such items: one-sided bounds and counts.

Pure arithmetic on arrays; what a verdict makes of it is `services.domain.gate`.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

POWER = 0.8  # with which a number of items still needed would tell
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences, its standard error, and the clusters and items it was measured on."""

    mean: float
    standard_error: float
    clusters: int
    items: int

    def low(self, alpha: float) -> float:
        """The lower bound that is above the true mean with probability `alpha` at most."""
        return self.mean - student_quantile(1 - alpha, self.clusters - 1) * self.standard_error

    def high(self, alpha: float) -> float:
        """The upper bound that is below the true mean with probability `alpha` at most."""
        return self.mean + student_quantile(1 - alpha, self.clusters - 1) * self.standard_error

    def items_to_exceed(self, bound: float, alpha: float) -> int | None:
        """Items with which the lower bound would pass `bound` with probability POWER, were the mean the true
        one; None where it is not above the bound, so that no number would do.
        """
        distance = self.mean - bound
        if distance <= 0:
            return None
        quantiles = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(POWER)
        return math.ceil(self.items * (quantiles * self.standard_error / distance) ** 2)


def paired_difference(differences: Floats, clusters: Integers, weights: Floats) -> Difference:
    """The weighted mean of `differences` with its cluster-robust standard error; arrays (items,).

    Items of one cluster are dependent in any way; clusters are independent (Miller 2024, "Adding error bars
    to evals", arXiv 2411.00640; with the factor G / (G - 1) for G clusters). Fewer than two clusters have an
    infinite standard error.

    Where all differences are equal, as between versions that give the same answers, that formula would be
    sure of itself from two items on. So one more pair of opposite differences of the largest size seen, or of
    1, counts in the variance, after Agresti & Min (2005), "Simple improved confidence intervals for comparing
    matched proportions", Statistics in Medicine 24, 729-740, who add half a pair to each cell of the table.
    """
    total = float(weights.sum())
    mean = float((weights * differences).sum() / total)
    groups, index = np.unique(clusters, return_inverse=True)
    if groups.size < 2:
        return Difference(mean, math.inf, groups.size, differences.size)
    residuals = np.bincount(index, weights * (differences - mean), groups.size)
    pseudo = float(np.abs(differences).max(initial=0.0)) or 1.0
    added = (pseudo * total / differences.size) ** 2
    variance = groups.size / (groups.size - 1) * (float((residuals**2).sum()) + added) / total**2
    return Difference(mean, math.sqrt(variance), groups.size, differences.size)


def student_quantile(probability: float, degrees: int) -> float:
    """Of Student's t, by its expansion around the normal quantile (Abramowitz & Stegun 1964, 26.7.5).

    Good to 0.3 % from ten degrees of freedom on at probabilities up to 0.999; infinite below one.
    """
    if degrees < 1:
        return math.inf
    z = _NORMAL.inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    )
