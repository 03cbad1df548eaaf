"""Gives an adapter that is on a model its weights, one by one (torch).

The library's own loading repacks a 4-bit base on a CPU, so that scores depend on what was loaded before them;
and once an adapter with new tokens was on a base, it takes no other without.
"""

from collections.abc import Mapping

from peft import PeftModel
from torch import Tensor

from services.errors.artifacts import WeightsOfOtherSize


def copy_weights(model: PeftModel, adapter: str, weights: Mapping[str, Tensor]) -> set[str]:
    """The names that only one of the adapter and its file, whose `weights` these are, has.

    WeightsOfOtherSize where one is of another shape.
    """
    unmatched = set(weights)
    for name, weight in model.named_parameters():
        parts = name.split(".")
        if adapter in parts:
            stored = ".".join(part for part in parts if part != adapter)
            if stored in weights:
                if weights[stored].shape != weight.shape:  # one row would be copied into all of them
                    raise WeightsOfOtherSize(stored)
                weight.data.copy_(weights[stored])
            unmatched ^= {stored}
    return unmatched
