"""Bounds against published quantiles and by simulation: they miss as often as they promise."""

import math

import numpy as np
import pytest

from services.domain.statistics import Difference, paired_difference, student_quantile


def of_items(differences: np.ndarray) -> Difference:
    """Each item a conversation of its own."""
    count = differences.size
    return paired_difference(differences, np.arange(count), np.ones(count))


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
    difference = paired_difference(np.ones(50), np.zeros(50, dtype=int), np.ones(50))
    assert difference.mean == 1.0
    assert difference.low(0.05) == -math.inf


def test_a_few_equal_answers_are_no_certainty():
    assert of_items(np.zeros(5)).low(0.05) < -0.3
    assert -0.005 < of_items(np.zeros(500)).low(0.05) < 0


def test_a_weight_of_two_counts_like_two_items_of_one_conversation():
    values = np.tile([0.3, -0.1, 0.4, 0.0], 50)
    numbers = np.arange(values.size)
    weighted = paired_difference(values, numbers, np.full(values.size, 2.0))
    twice = paired_difference(np.repeat(values, 2), np.repeat(numbers, 2), np.ones(2 * values.size))
    assert weighted.mean == pytest.approx(twice.mean)
    assert weighted.standard_error == pytest.approx(twice.standard_error, rel=0.01)


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("turns", [1, 5])
def test_a_lower_bound_exceeds_the_truth_as_seldom_as_it_promises(alpha: float, turns: int):
    """300 items, 30 % of them different, three points better on average; a conversation has its own taste."""
    chance = np.random.default_rng([7, turns])
    nights, conversations, missed = 4_000, 300 // turns, 0
    for _ in range(nights):
        better = np.repeat(chance.uniform(0.065, 0.265, conversations), turns)
        drawn = chance.random(better.size)
        differences = np.where(drawn < better, 1.0, np.where(drawn < 0.3, -1.0, 0.0))
        bound = paired_difference(
            differences, np.repeat(np.arange(conversations), turns), np.ones(better.size)
        )
        missed += bound.low(alpha) > 0.03
    assert missed / nights <= alpha + 3 * math.sqrt(alpha / nights)
    assert missed > 0


def test_the_items_said_to_be_needed_tell_as_often_as_promised():
    chance = np.random.default_rng(11)

    def drawn(items: int) -> Difference:
        return of_items(chance.choice([1.0, -1.0, 0.0], size=items, p=[0.125, 0.075, 0.8]))

    pilot = drawn(400_000)
    needed = pilot.items_to_exceed(0.0, 0.05)
    assert needed is not None
    assert np.mean([drawn(needed).low(0.05) > 0 for _ in range(2_000)]) == pytest.approx(0.8, abs=0.03)
    assert pilot.items_to_exceed(0.2, 0.05) is None
