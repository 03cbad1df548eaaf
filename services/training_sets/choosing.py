"""Which lines of a draft stay: nobody's share grows too large, and domains or audiences balance on request.

Lines are left out whole, by a hash of their place, so the same draft gives the same choice.
"""

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
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
WAITING_AT_MOST = 5_000  # lines of a kind that a set keeps for one that goes on from it
UNFIT = frozenset({DropReason.TOO_LONG, DropReason.NOT_IN_FORMAT})  # for tonight, of what waited already
_WAITING = UNFIT | {
    DropReason.NOT_PLANNED,
    DropReason.BY_CHANCE,
    DropReason.RATER_LIMIT,
    DropReason.BALANCED,
}
_CHUNK = 10_000  # ids written at once
_ROUNDING = 1e-6  # of sums of weights, which are counts of lines where nothing is shared


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

    def waiting(self, pile: Pile, kinds: Collection[Kind], *, new: int) -> set[int]:
        """Of the first `new` lines those left out tonight that a later night may learn from."""
        waits = np.zeros(len(self.kept), dtype=bool)
        waits[[row for row, reason in self.left_out.items() if row < new and reason in _WAITING]] = True
        places = (np.flatnonzero(waits & pile.of_kinds([kind])) for kind in kinds)
        return {int(row) for rows in places for row in rows[:WAITING_AT_MOST]}


def settle(
    draft: Draft,
    pile: Pile,
    into: Path,
    chosen: Chosen,
    *,
    new: int,
    kept_are: DropReason | None = None,
    waiting: Collection[int] = (),
) -> Settled:
    """Write the lines that stay; the others are dropped, and those that stay as well where that has a reason.

    References are kept to judge by and dropped from what is learnt. Only the first `new` lines are accounted
    for: the rest is of earlier sets, which did that. Those at the places `waiting` are written beside it.
    """
    kept, left_out = chosen.kept, chosen.left_out
    sources: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
    beside = into.with_suffix(".waiting")
    with into.open("w", encoding="utf-8") as file, beside.open("w", encoding="utf-8") as aside:
        for place, (named, line) in enumerate(pile.read_lines()):
            reason = kept_are if kept[place] else left_out[place]
            if reason is not None and place < new:
                draft.drop([Dropped(named, reason)])
            if place in waiting:
                aside.write(line)
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


def choose(
    pile: Pile,
    *,
    raters: int,
    balance: Sequence[Balance] = (),
    unused: Mapping[int, DropReason] | None = None,
) -> Chosen:
    """Which lines of a pile stay; `raters` is how many there are, `unused` are lines that cannot.

    Each kind by itself: a stage learns from one kind alone, so a rater's share is a share of that.
    """
    kept, reasons = np.ones(len(pile), dtype=bool), dict(unused or {})
    kept[list(reasons)] = False
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

    A line weighs less by what its raters have too much. Learning knows no weights, so of the lines that the
    loudest of their raters makes lighter as many stay as they weigh together: none of what a rater says
    alone beyond the cap, and nearly all of what others say as well.
    """
    rows, who = pile.entries
    speaking = kept[rows]
    rows, who = rows[speaking], who[speaking]
    influence = cap_influence(kept.astype(np.float64), row=rows, rater=who, raters=raters)
    left_of = np.divide(influence.after, influence.before, out=np.ones(raters), where=influence.before > 0)
    loudest = np.ones(len(kept))
    np.minimum.at(loudest, rows, left_of[who])
    left_out: list[int] = []
    for share in np.unique(loudest[loudest < 1]):
        own = _shuffled(np.flatnonzero(loudest == share))
        weighed = np.floor(np.cumsum(influence.weights[own]) + _ROUNDING)
        left_out += [int(row) for row in own[np.diff(weighed, prepend=0.0) < 1]]
    return left_out


def _shuffled(rows: Integers) -> Integers:
    keys = [hashlib.blake2b(int(row).to_bytes(8), digest_size=8).digest() for row in rows]
    return rows[sorted(range(len(rows)), key=keys.__getitem__)]
