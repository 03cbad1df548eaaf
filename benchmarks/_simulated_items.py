"""Invented versions and what they get right, on items that are easy or hard for all of them; seeded.

An item's ease is a normal number that stays with it; a version adds one of its own, and the item is right
where the sum lies above the threshold that gives the version its quality. Two versions of one quality then
differ on as many items as asked, and what has quality 0.6 gets 60 % right in the long run. A loss is the
quality less that sum.

A persona's own items come in conversations of one to three questions, which share 30 % of the ease and 20 %
of what a version adds. Conversations belong to raters, three or four to each. How good a style is, people
say: on the target a rater adds a normal number of sd 0.2 to the ease of all their items, however strict they
are, and it is the same for every version. With `tastes`, another one of sd 0.2 for each version: what they
happen to like. That is the unkind case, since the gate clusters by conversation and one rater has several.
Facts, lengths and losses nobody rates, and the frozen suites nobody asked.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from statistics import NormalDist

import numpy as np

from services.domain.evidence import Evidence, Scores, SuiteItems
from services.domain.noise import decoder_noise
from services.domain.statistics import Floats, Integers

_NORMAL = NormalDist()
_QUESTIONS = (1, 1, 2, 3)  # of a conversation
_SHARED_EASE, _SHARED_OWN = 0.3, 0.2  # of the variances, by the items of one conversation
RATER_SD = 0.2
CONVERSATIONS_PER_RATER = 3.5


@dataclass(frozen=True, slots=True)
class Part:
    """Items of one metric: how many, on what share of them equal versions differ, in how many slices.

    Those of a `frozen` suite are conversations of their own and never sealed. `rated` says that people's
    opinions decide.
    """

    metric: str
    items: int
    discordance: float
    slices: int = 1
    is_loss: bool = False
    frozen: bool = False
    rated: bool = False


class Holdout:
    """The items of several parts one after the other; the share `sealed` of each part that is not frozen.

    The first part's slices are the strata. On the share `noise` of the items two askings of one version
    differ, losses excepted. `tastes`: raters like one version better than another.
    """

    def __init__(
        self,
        parts: tuple[Part, ...],
        *,
        sealed: float,
        chance: np.random.Generator,
        noise: float = 0.0,
        tastes: bool = False,
    ) -> None:
        self.parts, self._chance = parts, chance
        self._asked = {part.metric: _Asked(part, chance, tastes=tastes) for part in parts}
        # Two askings differ where one of the two, and not both, came out otherwise.
        self._flipped = (1 - math.sqrt(1 - 2 * noise)) / 2
        sizes = [part.items for part in parts]
        first, count = parts[0], sum(sizes)
        strata = [f"slice {number + 1}" for number in self._asked[first.metric].slice_of.tolist()]
        clusters, taken = [], 0
        for asked in self._asked.values():
            clusters.append(asked.conversation + taken)
            taken += int(asked.conversation.max()) + 1
        self.items = SuiteItems(
            keys=tuple(map(str, range(count))),
            clusters=np.concatenate(clusters),
            strata=(*strata, *[""] * (count - first.items)),
            sealed=np.concatenate(
                [
                    chance.permutation(part.items) < (0 if part.frozen else round(part.items * sealed))
                    for part in parts
                ]
            ),
            slices={},
        )
        self._versions = 0

    def ask(self, qualities: Mapping[str, float | Floats]) -> Evidence:
        """A new version's scores; qualities by metric, one or one a slice (slices,)."""
        return self._told(self._known(qualities))

    def ask_twice(self, qualities: Mapping[str, float | Floats]) -> Evidence:
        """As `ask`, with the decoder's noise as two askings of the version show it."""
        known = self._known(qualities)
        asked = self._told(known)
        return replace(asked, noise=decoder_noise(asked, self._told(known)))

    def _known(self, qualities: Mapping[str, float | Floats]) -> list[Floats]:
        self._versions += 1
        return [self._answered(part, qualities[part.metric]) for part in self.parts]

    def _told(self, known: list[Floats]) -> Evidence:
        """What a version that knows this answers when it is asked now."""
        scores, begin, count = {}, 0, len(self.items.keys)
        for part, right in zip(self.parts, known, strict=True):
            values = np.full(count, np.nan)
            flipped = not part.is_loss and self._chance.random(part.items) < self._flipped
            values[begin : begin + part.items] = np.where(flipped, 1 - right, right)
            scores[part.metric] = Scores(values, np.ones(count))
            begin += part.items
        return Evidence(self._versions, self._versions, "suite", "1", "settings", scores)

    def _answered(self, part: Part, quality: float | Floats) -> Floats:
        """What is right of a part's items, before the decoder has its say (items,)."""
        known = self._asked[part.metric].by_a_version(self._chance)
        wanted = np.broadcast_to(quality, part.slices)[self._asked[part.metric].slice_of]
        if part.is_loss:
            return np.asarray(wanted - known)
        thresholds = {one: _NORMAL.inv_cdf(1 - one) for one in set(wanted.tolist())}
        return (known > np.array([thresholds[one] for one in wanted.tolist()])).astype(float)


class _Asked:
    """One part's items: who asked what in which conversation, and how easy it is for all versions."""

    def __init__(self, part: Part, chance: np.random.Generator, *, tastes: bool) -> None:
        self._part = part
        self.slice_of, self.conversation = _laid_out(part)
        self._conversations = int(self.conversation.max()) + 1
        self._raters = round(self._conversations / CONVERSATIONS_PER_RATER)
        self._rater = (np.arange(self._conversations) % self._raters)[self.conversation]
        # Two normal numbers of correlation r have different signs with probability arccos(r) / pi.
        shared = math.cos(math.pi * part.discordance)
        self._own, self._taste = 1 - shared, RATER_SD if part.rated and tastes else 0.0
        self._ease = self._drawn(shared, _SHARED_EASE, RATER_SD if part.rated else 0.0, chance)

    def by_a_version(self, chance: np.random.Generator) -> Floats:
        """Normal numbers (items,) of variance 1, seen over all holdouts."""
        return self._ease + self._drawn(self._own, _SHARED_OWN, self._taste, chance)

    def _drawn(self, variance: float, share: float, rater_sd: float, chance: np.random.Generator) -> Floats:
        """Of that variance: the raters' part, and of the rest a share of each conversation."""
        by_item = chance.standard_normal(self._part.items)
        if self._part.frozen:
            return np.asarray(math.sqrt(variance) * by_item)
        rest = variance - rater_sd**2
        by_conversation = chance.standard_normal(self._conversations)[self.conversation]
        by_rater = chance.standard_normal(self._raters)[self._rater]
        return np.asarray(
            rater_sd * by_rater
            + math.sqrt(rest * share) * by_conversation
            + math.sqrt(rest * (1 - share)) * by_item
        )


def _laid_out(part: Part) -> tuple[Integers, Integers]:
    """The slice and the conversation of each item (items,); a conversation is in one slice."""
    if part.frozen:
        return np.zeros(part.items, dtype=np.int64), np.arange(part.items)
    slices = np.sort(np.arange(part.items) % part.slices)
    conversations: list[int] = []
    number = 0
    for size in np.bincount(slices).tolist():
        lengths = cycle(_QUESTIONS)
        left = size
        while left:
            length = min(next(lengths), left)
            conversations += [number] * length
            left, number = left - length, number + 1
    return slices, np.array(conversations)
