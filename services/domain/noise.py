"""The decoder's noise: by how much a version's means move when it is asked the same once more.

Answers depend a little on what shares their batch. What of that differs from item to item is in every paired
difference, and so in the bounds that the gate draws around them. Left over is what moves all items alike,
from how one asking fell into batches: that no number of items averages out.
"""

from collections.abc import Mapping

import numpy as np

from services.domain.evidence import Evidence, Scores


def decoder_noise(asked: Evidence, again: Evidence) -> Mapping[str, float]:
    """By metric, the size of the shift of its mean from one asking of a version to the other.

    It has the chance part of both askings in it and is larger than the common shift more often than not: a
    bound of it that holds in at least half of all nights, however small that shift is. Metrics that either
    asking lacks, and items without a usable number, say nothing.
    """
    return {
        name: _shift(scores, again.scores[name])
        for name, scores in asked.scores.items()
        if name in again.scores
    }


def _shift(asked: Scores, again: Scores) -> float:
    both = np.isfinite(asked.values) & np.isfinite(again.values)
    if not both.any():
        return 0.0
    moved = again.values[both] - asked.values[both]
    return abs(float(np.average(moved, weights=asked.weights[both])))
