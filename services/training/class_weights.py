"""How much one desirable and one undesirable answer count, so that neither class drowns the other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassWeights:
    desirable: float
    undesirable: float


def class_weights(*, desirable: int, undesirable: int, ratio: float) -> ClassWeights:
    """Weights by which all desirable answers count `ratio` times as much as all undesirable ones.

    Ethayarajh et al. (2024) found ratios from 1:1 to 4:3 sound. One of the two weights is 1 and the other is
    larger, so no answer counts less than it would on its own.
    """
    scale = ratio * undesirable / desirable
    return ClassWeights(scale, 1.0) if scale >= 1 else ClassWeights(1.0, 1 / scale)
