"""Which lines of a draft stay: nobody's share grows too large, and domains or audiences balance on request.

Lines are left out whole, by a hash of their place, so the same draft gives the same choice.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.domain.consensus import Integers, Mask
from services.domain.example_policy import Balance
from services.domain.examples import Dropped, DropReason
from services.domain.influence import cap_influence
from services.training_sets.drafting import Draft, Pile

# A group may have this many times the lines of the smallest: evening out wholly would throw most lines away.
BALANCED_RATIO = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """`kept` (lines,) marks the lines that stay; `sources` are sorted ids of what they came from, by kind."""

    kept: Mask
    sources: Mapping[str, list[int]]


def settle(
    draft: Draft,
    pile: Pile,
    into: Path,
    *,
    raters: int,
    balance: Sequence[Balance] = (),
    kept_are: DropReason | None = None,
) -> Settled:
    """Write the lines that stay; the others are dropped, and those that stay as well where that has a reason.

    `raters` is how many there are; references are kept to judge by and dropped from what is learnt.
    """
    kept, left_out = _choose(pile, raters=raters, balance=balance)
    sources: dict[str, set[int]] = {}
    with into.open("w", encoding="utf-8") as file:
        for place, line in enumerate(pile.read_lines()):
            named = tuple(json.loads(line)["sources"])
            reason = kept_are if kept[place] else left_out[place]
            if reason is not None:
                draft.drop([Dropped(named, reason)])
            if kept[place]:
                file.write(line)
                for source in named:
                    kind, _, number = source.partition(":")
                    sources.setdefault(kind, set()).add(int(number))
    return Settled(kept, {kind: sorted(ids) for kind, ids in sorted(sources.items())})


def _choose(pile: Pile, *, raters: int, balance: Sequence[Balance]) -> tuple[Mask, dict[int, DropReason]]:
    """Which lines (lines,) stay, and why each of the others does not."""
    reasons: dict[int, DropReason] = {}
    kept = np.ones(len(pile), dtype=bool)
    for wanted in balance:
        names = pile.domains if wanted is Balance.DOMAIN else pile.audiences
        for row in _over_balance(names, kept):
            kept[row] = False
            reasons[row] = DropReason.BALANCED
    for row in _over_influence(pile, kept, raters):
        kept[row] = False
        reasons[row] = DropReason.RATER_LIMIT
    return kept, reasons


def _over_balance(names: Integers, kept: Mask) -> list[int]:
    """Lines beyond BALANCED_RATIO times the smallest group's."""
    groups = [np.flatnonzero(kept & (names == name)) for name in np.unique(names[kept])]
    if len(groups) < 2:
        return []
    most = int(BALANCED_RATIO * min(map(len, groups)))
    return [int(row) for rows in groups for row in _shuffled(rows)[most:]]


def _over_influence(pile: Pile, kept: Mask, raters: int) -> list[int]:
    """Lines to leave out so that no rater carries more than the cap of `influence` of those that stay.

    Leaving out whole lines shrinks what all others carry too, so it is done until nobody is over.
    """
    rows, who = pile.entries
    kept = kept.copy()
    left_out: list[int] = []
    while True:
        entries = kept[rows]
        influence = cap_influence(
            kept.astype(np.float64), row=rows[entries], rater=who[entries], raters=raters
        )
        over = np.flatnonzero(influence.before > influence.after + 1e-9)
        if not len(over):
            return left_out
        for rater in over:
            own = _shuffled(np.unique(rows[entries & (who == rater)]))
            parts = np.bincount(rows[entries], minlength=len(kept))
            excess = influence.before[rater] - influence.after[rater]
            taken = np.cumsum(1 / parts[own])
            leaving = own[: int(np.searchsorted(taken, excess)) + 1]
            left_out += [int(row) for row in leaving if kept[row]]
            kept[leaving] = False


def _shuffled(rows: Integers) -> Integers:
    keys = [hashlib.blake2b(int(row).to_bytes(8), digest_size=8).digest() for row in rows]
    return rows[sorted(range(len(rows)), key=keys.__getitem__)]
