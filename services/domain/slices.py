"""Which parts of a suite are judged by themselves: slices large enough to tell, the rest together."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from services.domain.evidence import Mask

OTHER = "other"


def judged_slices(
    strata: Sequence[str], measured: Mask, *, least_items: int, slices_per_300: int
) -> dict[str, Mask]:
    """Masks (items,) by name, largest first; together they hold every measured item once.

    Strata of fewer than `least_items` measured items are pooled into OTHER, and so are the smallest beyond
    `slices_per_300` for 300 items. OTHER, the last, may itself have fewer.
    """
    counts = Counter(name for name, counts in zip(strata, measured.tolist(), strict=True) if counts)
    most = max(1, slices_per_300 * counts.total() // 300)
    kept = [name for name, count in counts.most_common(most) if count >= least_items]
    if len(kept) < len(counts):
        kept = kept[: most - 1]  # the rest is a slice, too
    names = np.array([name if name in kept else OTHER for name in strata])
    masks = {name: measured & (names == name) for name in (*kept, OTHER)}
    return {name: mask for name, mask in masks.items() if mask.any()}
