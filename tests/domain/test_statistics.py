"""Bounds against published quantiles and by simulation: they miss as often as they promise."""

import math

import numpy as np
import pytest

from services.domain.statistics import Difference, paired_difference, student_quantile


def of_items(differences: np.ndarray) -> Difference:
    """Each item a conversation of its own."""
    count = differences.size
    return paired_difference(differences, np.arange(count), np.ones(count), step=1.0)


@pytest.mark.parametrize(
    ("probability", "degrees", "published"),
    [
        (0.95, 10, 1.8125),
        (0.975, 20, 2.0860),
        (0.995, 10, 3.1693),
        (0.995, 30, 2.7500),
        (0.999, 20, 3.5518),
        (0.995, 10_000, 2.5763),
    ],
)
def test_quantiles_of_student_are_the_published_ones(probability: float, degrees: int, published: float):
    assert student_quantile(probability, degrees) == pytest.approx(published, rel=0.003)


def test_one_conversation_says_nothing():
    difference = paired_difference(np.ones(50), np.zeros(50, dtype=int), np.ones(50), step=1.0)
    assert difference.mean == 1.0
    assert difference.low(0.05) == -math.inf


def test_a_few_equal_answers_are_no_certainty():
    assert of_items(np.zeros(5)).low(0.05) < -0.3
    assert -0.005 < of_items(np.zeros(500)).low(0.05) < 0


def test_a_weight_of_two_counts_like_two_items_of_one_conversation():
    values = np.tile([0.3, -0.1, 0.4, 0.0], 50)
    numbers = np.arange(values.size)
    weighted = paired_difference(values, numbers, np.full(values.size, 2.0), step=1.0)
    twice = paired_difference(np.repeat(values, 2), np.repeat(numbers, 2), np.ones(2 * values.size), step=1.0)
    assert weighted.mean == pytest.approx(twice.mean)
    assert weighted.standard_error == pytest.approx(twice.standard_error, rel=0.01)


CONVERSATIONS = {
    "single questions": [1] * 300,
    "five turns each": [5] * 60,
    "most short, ten of twenty turns": [1] * 100 + [20] * 10,
    "one as long as all others": [1] * 150 + [150],
}


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("turns", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_lower_bound_exceeds_the_truth_as_seldom_as_it_promises(alpha: float, turns: list[int]):
    """About 300 items, 40 % of them different, no better on average; each conversation has its own taste.

    Where conversations are very unequal no formula is exact: half as often again is what these allow.
    """
    chance = np.random.default_rng([7, len(turns)])
    nights, missed = 4_000, 0
    clusters = np.repeat(np.arange(len(turns)), turns)
    for _ in range(nights):
        better = np.repeat(chance.uniform(0.05, 0.35, len(turns)), turns)
        drawn = chance.random(better.size)
        differences = np.where(drawn < better, 1.0, np.where(drawn < 0.4, -1.0, 0.0))
        bound = paired_difference(differences, clusters, np.ones(better.size), step=1.0)
        missed += bound.low(alpha) > 0
    assert missed / nights <= alpha * (1 if len(set(turns)) == 1 else 1.5) + 3 * math.sqrt(alpha / nights)


@pytest.mark.parametrize(("items", "margin"), [(640, 0.05), (100, 0.1), (75, 0.1)])
def test_rare_losses_without_any_gain_pass_the_margin_as_seldom_as_promised(items: int, margin: float):
    """As a regression of safety looks: the exact probability at the margin, all differences being losses."""
    for alpha in (0.05, 0.005):
        passed = 0.0
        for lost in range(items + 1):
            differences = -np.array([1.0] * lost + [0.0] * (items - lost))
            bound = paired_difference(
                differences,
                np.arange(items),
                np.ones(items),
                step=1.0,
                least_variance=margin * (1 - margin),
            )
            if bound.low(alpha) <= -margin:
                break
            passed += math.comb(items, lost) * margin**lost * (1 - margin) ** (items - lost)
        assert passed <= 1.3 * alpha


def test_the_items_said_to_be_needed_tell_as_often_as_promised():
    chance = np.random.default_rng(11)

    def drawn(items: int) -> Difference:
        return of_items(chance.choice([1.0, -1.0, 0.0], size=items, p=[0.125, 0.075, 0.8]))

    pilot = drawn(400_000)
    needed = pilot.items_to_exceed(0.0, 0.05)
    assert np.mean([drawn(needed).low(0.05) > 0 for _ in range(2_000)]) == pytest.approx(0.8, abs=0.03)
