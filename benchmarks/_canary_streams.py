"""Invented and real streams of rated conversations, of which some went to a canary; seeded.

A thumb is the noisiest rating there is. Whether it is up is drawn with a chance that a rater's generosity
and an item's ease move (both normal, of standard deviation 0.2); both stay with them.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from services.domain.evidence import Mask
from services.domain.statistics import Floats, Integers

SPREAD = 0.2
ITEMS = 300
QUALITY = 0.6
_ANNOTATORS = ("annotator1", "annotator2", "annotator3")
_CHOICES = {"0": 0.5, "1": 1.0, "2": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """When one looks (looks,): after how many ratings, by which so many conversations had `begun`."""

    ratings: Integers
    begun: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Conversations as they were first rated (n,), with their means at each look (looks, n).

    With one rating each, all looks see the same: one row, looked at after every rating, and no `looks`.
    """

    values: Floats
    canary: Floats
    share: float
    raters: Integers
    looks: Looks | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """`quality` is the champion's share of thumbs up; the canary adds `effect` to it among honest raters.

    Of the raters the share `hostile` is; `seeing` hostile raters see through the arms and rate the canary up
    and the champion down, the others rate everything up. A `loud` rater, who is one of those who see, adds as
    many conversations, spread over the whole time.
    """

    raters: int = 50
    quality: float = QUALITY
    effect: float = 0.0
    share: float = 0.5
    ratings: int = 5_000
    hostile: float = 0.0
    seeing: bool = False
    loud: int = 0


def simulated(scene: Scene, chance: np.random.Generator) -> Stream:
    """One thumb a conversation."""
    people = chance.integers(scene.raters, size=scene.ratings)
    canary = chance.random(scene.ratings) < scene.share
    values = chance.random(scene.ratings) < _likes(scene, people, canary, chance)
    lies = canary | (not scene.seeing)
    values = np.where(people < scene.hostile * scene.raters, lies, values)
    if scene.loud:
        begun = np.sort(chance.integers(scene.ratings + 1, size=scene.loud))
        theirs = chance.random(scene.loud) < scene.share
        people = np.insert(people, begun, scene.raters)
        canary, values = np.insert(canary, begun, theirs), np.insert(values, begun, theirs)
    return Stream(values.astype(float)[None], canary.astype(float), scene.share, people)


def growing(scene: Scene, chance: np.random.Generator, *, every: int) -> Stream:
    """One to four thumbs a conversation, the later ones any time later, so that means change on the way.

    Thumbs of one conversation share its question, its rater and a mood. A look after every `every` ratings.
    """
    count = chance.integers(1, 5, size=scene.ratings)
    conversation = np.repeat(np.arange(scene.ratings), count)
    is_first = np.diff(conversation, prepend=-1) > 0
    delays = chance.exponential(np.where(chance.random(conversation.size) < 0.8, 10.0, 500.0))
    order = np.argsort(conversation + np.where(is_first, 0, delays), kind="stable")[: scene.ratings]
    rated, begun = conversation[order], np.cumsum(is_first[order], dtype=np.int64)
    conversations = int(begun[-1])
    people = chance.integers(scene.raters, size=conversations)
    canary = chance.random(conversations) < scene.share
    likes = _likes(scene, people, canary, chance, mood=0.15)
    up = chance.random(scene.ratings) < likes[rated]
    looks = np.arange(every, scene.ratings + 1, every)
    values = np.zeros((looks.size, conversations))
    sums, counts = np.zeros(conversations), np.zeros(conversations)
    for number, look in enumerate(looks.tolist()):
        fresh = slice(look - every, look)
        sums += np.bincount(rated[fresh], up[fresh], conversations)
        counts += np.bincount(rated[fresh], minlength=conversations)
        values[number] = sums / np.maximum(counts, 1)
    return Stream(values, canary.astype(float), scene.share, people, Looks(looks, begun[looks - 1]))


def _likes(
    scene: Scene, people: Integers, canary: Mask, chance: np.random.Generator, *, mood: float = 0.0
) -> Floats:
    """The chance that a thumb of each conversation is up (n,)."""
    generosity = chance.normal(0, SPREAD, scene.raters)
    ease = chance.normal(0, SPREAD, ITEMS)
    moved = generosity[people] + ease[chance.integers(ITEMS, size=people.size)]
    moved += mood * chance.standard_normal(people.size)
    quality = np.where(canary, _begin(scene.quality + scene.effect, mood), _begin(scene.quality, mood))
    return np.asarray(np.clip(quality + moved, 0, 1))


@cache
def _begin(mean: float, mood: float) -> float:
    """From where people, items and moods move a chance, between 0 and 1, so that its mean is `mean`."""
    spread = math.sqrt(2 * SPREAD**2 + mood**2)
    moved = np.random.default_rng(0).normal(0, spread, 1_000_000)
    low, high = -1.0, 2.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(middle + moved, 0, 1).mean() < mean else (low, middle)
    return low


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What people said of pairs of answers by two models, the weaker model's first.

    `first` (judgements,): 1 where its answer was preferred, 0 where the other one was, 0.5 for a tie.
    """

    first: Floats
    raters: Integers

    @property
    def difference(self) -> float:
        """Between the models, of 0 to 1 for an answer."""
        return float(2 * self.first.mean() - 1)


def read_judged(folder: Path) -> Judged:
    """PandaLM's human test set: 999 pairs of answers by five models, three annotators each."""
    records = json.loads((folder / "testset-v1.json").read_text(encoding="utf-8"))
    by_models: dict[str, list[list[float]]] = {}
    for record in records:
        said = [_CHOICES[str(record[name])] for name in _ANNOTATORS]
        by_models.setdefault(record["cmp_key"], []).append(said)
    rows = np.concatenate([_weaker_first(said) for said in by_models.values()])
    return Judged(rows.ravel(), np.tile(np.arange(len(_ANNOTATORS)), len(rows)))


def _weaker_first(said: Sequence[Sequence[float]]) -> Floats:
    rows = np.array(said)
    return rows if rows.mean() <= 0.5 else 1 - rows


def resampled(judged: Judged, effect: float, chance: np.random.Generator, *, ratings: int) -> Stream:
    """Each conversation draws a judgement: its rater and what that rater said of either answer are real.

    The canary gives the weaker model's answer as often as makes it `effect` better than the champion, which
    gives the other one: half the time, as if labels had been permuted, where the effect is nought.
    """
    drawn = chance.integers(judged.first.size, size=ratings)
    canary = chance.random(ratings) < 0.5
    is_weaker = chance.random(ratings) < (1 + effect / judged.difference) / 2
    first = judged.first[drawn]
    values = np.where(is_weaker == canary, first, 1 - first)
    return Stream(values[None], canary.astype(float), 0.5, judged.raters[drawn])
