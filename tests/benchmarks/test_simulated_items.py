"""Invented versions are as good as asked, differ as often as asked, and share what they are said to share."""

import numpy as np
import pytest

from benchmarks._simulated_items import Holdout, Part

TARGET = Part("style_hit", items=300, discordance=0.2, slices=4, rated=True)
FROZEN = Part("safety", items=200, discordance=0.07, frozen=True)
HOLDOUTS = 150


def pairs(**world: float) -> tuple[np.ndarray, np.ndarray]:
    """What two equal versions got right of the target, each (holdouts, items)."""
    answered = []
    for seed in range(HOLDOUTS):
        holdout = Holdout((TARGET,), sealed=0.25, chance=np.random.default_rng(seed), **world)
        answered.append([holdout.ask({"style_hit": 0.6}).scores["style_hit"].values for _ in range(2)])
    one, other = np.array(answered).transpose(1, 0, 2)
    return one, other


@pytest.mark.parametrize("world", [{}, {"tastes": True}])
def test_versions_are_as_good_and_as_different_as_asked(world: dict[str, float]):
    one, other = pairs(**world)
    assert one.mean() == pytest.approx(0.6, abs=0.01)
    assert (one != other).mean() == pytest.approx(0.2, abs=0.01)


def test_a_decoder_with_noise_answers_a_quarter_more_items_otherwise_or_fewer():
    """Of two versions that differ on a fifth: what one flips may also make them agree."""
    one, other = pairs(noise=0.02)
    assert (one != other).mean() == pytest.approx(0.2 + 0.02 * (1 - 2 * 0.2), abs=0.01)


def test_questions_of_one_conversation_resemble_each_other():
    one, other = pairs()
    holdout = Holdout((TARGET,), sealed=0.25, chance=np.random.default_rng(1))
    conversations = holdout.items.clusters
    neighbours = np.flatnonzero(conversations[1:] == conversations[:-1])
    alike = ((one - other)[:, neighbours] * (one - other)[:, neighbours + 1]).mean()
    strangers = ((one - other)[:, neighbours] * np.roll(one - other, 7, axis=1)[:, neighbours]).mean()
    assert alike > strangers + 0.01


def test_frozen_items_are_witnesses_of_their_own_and_never_sealed():
    items = Holdout((TARGET, FROZEN), sealed=0.25, chance=np.random.default_rng(1)).items
    assert items.sealed[:300].sum() == 75
    assert not items.sealed[300:].any()
    own, frozen = set(items.clusters[:300].tolist()), items.clusters[300:].tolist()
    assert len(set(frozen)) == len(frozen) == 200
    assert own.isdisjoint(frozen)
    assert len(own) < 300
