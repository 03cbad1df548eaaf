"""Which choice is which: what was found right is called what most raters, by heads, call it.

A model of raters is as likely with its choices renamed, good for poor and poor for good: then those are right
who were wrong. A few who turn everything round, all on the same answers, can tip it into that.
"""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray


def as_most_mean(counts: NDArray[np.float64], *, least: float) -> list[int]:
    """The name of each choice that was found right, usually its own: the one that most people gave it.

    `counts` (choices, raters, choices): how often each rater made each choice where each was right. Who said
    fewer than `least` things has no say, and nobody more than another.
    """
    choices, spoken = len(counts), counts.sum(axis=(0, 2))
    heard = spoken >= least
    heads = (counts[:, heard] / spoken[heard, None]).sum(axis=1)
    return list(max(permutations(range(choices)), key=lambda names: heads[range(choices), names].sum()))
