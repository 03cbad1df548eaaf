"""Wear of held-out items: each decision learns a little of them, so that those used often take a rest."""

from collections.abc import Mapping, Sequence

# What the year on one holdout was simulated with: in so many decisions nothing was lost, beyond nothing is
# shown (docs/evidence.md).
WORN_AFTER = 365
# So many of a kind stay in the suite, worn or not: with fewer the gate could seldom tell.
LEAST_ITEMS = 300


def on_duty(keys: Sequence[str], uses: Mapping[str, int]) -> frozenset[str]:
    """The items of one kind that a suite asks: all that are not worn, and of the worn ones the least used
    until there are enough.

    `uses` are the decisions that rested on an item. Keys are hashes, so that their order is as good as drawn.
    """
    fresh = [key for key in keys if uses.get(key, 0) < WORN_AFTER]
    worn = sorted(set(keys) - set(fresh), key=lambda key: (uses[key], key))
    return frozenset(fresh + worn[: max(0, LEAST_ITEMS - len(fresh))])
