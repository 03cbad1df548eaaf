"""Which lines of a draft stay: nobody's share grows too large, and domains or audiences balance on request.

Lines are left out whole, by a hash of their place, so the same draft gives the same choice.
"""

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.domain.consensus import Integers, Mask
from services.domain.example_policy import Balance
from services.domain.examples import Dropped, DropReason, Kind
from services.domain.influence import cap_influence
from services.training_sets.drafting import Draft, Pile

# A group may have this many times the lines of the smallest: evening out wholly would throw most lines away.
BALANCED_RATIO = 2.0
_CHUNK = 10_000  # ids written at once


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """`kept` (lines,) marks the lines that stay; `sources` are sorted ids of what they came from, by kind."""

    kept: Mask
    sources: Mapping[str, Integers]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """`kept` (lines,) marks the lines that stay; `left_out` says why each of the others does not."""

    kept: Mask
    left_out: Mapping[int, DropReason]

    def only(self, wanted: Mask) -> "Chosen":
        """Of what stays, the lines that a stage of the night learns from."""
        unused = np.flatnonzero(self.kept & ~wanted)
        reasons = dict.fromkeys(unused.tolist(), DropReason.NOT_PLANNED)
        return Chosen(self.kept & wanted, {**self.left_out, **reasons})


def settle(
    draft: Draft, pile: Pile, into: Path, chosen: Chosen, *, new: int, kept_are: DropReason | None = None
) -> Settled:
    """Write the lines that stay; the others are dropped, and those that stay as well where that has a reason.

    References are kept to judge by and dropped from what is learnt. Only the first `new` lines are accounted
    for: the rest is of earlier sets, which did that.
    """
    kept, left_out = chosen.kept, chosen.left_out
    sources: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    with into.open("w", encoding="utf-8") as file:
        for place, (named, line) in enumerate(pile.read_lines()):
            reason = kept_are if kept[place] else left_out[place]
            if reason is not None and place < new:
                draft.drop([Dropped(named, reason)])
            if kept[place]:
                file.write(line)
                for source in named:
                    kind, _, number = source.partition(":")
                    sources[kind].append(int(number))
    return Settled(kept, {kind: np.unique(np.asarray(ids)) for kind, ids in sorted(sources.items())})


def as_literal(ids: Integers) -> str:
    """Ids as PostgreSQL writes an array; as parameters each would be an object of its own on the way."""
    parts = (ids[start : start + _CHUNK].tolist() for start in range(0, len(ids), _CHUNK))
    return f"{{{','.join(','.join(map(str, part)) for part in parts)}}}"


def choose(pile: Pile, *, raters: int, balance: Sequence[Balance] = ()) -> Chosen:
    """Which lines of a pile stay; `raters` is how many there are.

    Each kind by itself: a stage learns from one kind alone, so a rater's share is a share of that.
    """
    kept, reasons = np.ones(len(pile), dtype=bool), dict[int, DropReason]()
    for kind in Kind:
        of_kind = pile.of_kinds([kind])
        for wanted in balance:
            names = pile.domains if wanted is Balance.DOMAIN else pile.audiences
            for row in _over_balance(names, kept & of_kind):
                kept[row] = False
                reasons[row] = DropReason.BALANCED
        for row in _over_influence(pile, kept & of_kind, raters):
            kept[row] = False
            reasons[row] = DropReason.RATER_LIMIT
    return Chosen(kept, reasons)


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
