import math

import numpy as np
import pytest

from services.domain.confidence_sequence import half_widths, tightest_at


def width(variance: float, observations: int, *, rho: float) -> float:
    return float(half_widths(np.array([variance]), np.array([observations]), alpha=0.05, rho=rho)[0])


@pytest.mark.parametrize(("votes", "points"), [(100, 16.1), (200, 10.9), (400, 7.6), (800, 5.4)])
def test_the_band_around_an_even_win_rate_is_the_published_one(votes: int, points: float) -> None:
    assert 100 * width(0.25, votes, rho=tightest_at(100, 0.05)) == pytest.approx(points, abs=0.05)


@pytest.mark.parametrize(("rate", "votes"), [(0.55, 941), (0.6, 225), (0.65, 107), (0.7, 66)])
def test_the_votes_until_a_win_rate_shows_are_the_published_ones(rate: float, votes: int) -> None:
    rho = tightest_at(100, 0.05)

    def shows(count: int) -> bool:
        return width(rate * (1 - rate), count, rho=rho) < rate - 0.5

    assert shows(votes)
    assert not shows(votes - 1)


@pytest.mark.parametrize("observations", [50, 400, 3_000])
def test_the_sequence_is_narrowest_where_it_was_asked_to_be(observations: int) -> None:
    best = width(1.0, observations, rho=tightest_at(observations, 0.05))
    others = [
        width(1.0, observations, rho=tightest_at(observations * by, 0.05)) for by in (0.5, 0.8, 1.25, 2)
    ]
    assert best <= min(others) * (1 + 1e-3)


def test_a_watcher_of_every_moment_misses_the_truth_as_seldom_as_promised() -> None:
    chance = np.random.default_rng(5)
    count = np.arange(1, 3_001)
    missed = 0
    for _ in range(400):
        drawn = chance.random(3_000) < 0.3
        means = np.cumsum(drawn) / count
        widths = half_widths(means * (1 - means), count, alpha=0.05, rho=tightest_at(500, 0.05))
        missed += bool((abs(means - 0.3) > widths)[30:].any())
    assert missed / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
