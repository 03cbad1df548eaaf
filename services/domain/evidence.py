"""What the gate reads of stored reports: a suite's items, and each version's scores on them as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.domain.statistics import Floats, Integers

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class SuiteItems:
    """The items that every version was asked; arrays and tuples (items,).

    `clusters` numbers the conversations that the items come from. `strata` are their audience and domain in
    words, empty for items that belong to no persona's audience. `sealed` items are for promotions alone.
    `slices` are the other parts of the suite that a requirement can name.
    """

    keys: tuple[str, ...]
    clusters: Integers
    strata: tuple[str, ...]
    sealed: Mask
    slices: Mapping[str, Mask]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One metric's values and weights (items,): NaN where it does not measure an item, infinite where the
    version gave no usable number.
    """

    values: Floats
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One version's scores on a suite by metric, and the conditions they were made under.

    `noise` is by how much a metric's mean moves by the decoder alone; empty where that was not measured.
    """

    report_id: int
    version: int
    suite_digest: str
    prompt_version: str
    settings_digest: str
    scores: Mapping[str, Scores]
    noise: Mapping[str, float] = field(default_factory=dict)
