"""Invented raters: what the shipped rules make of them is what they said, right where they were right."""

import numpy as np
import pytest

from benchmarks._poisoned_night import Crowd, by_the_mean, by_the_shipped_rules, said


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(1)


def test_honest_raters_leave_little_that_is_wrong(chance: np.random.Generator):
    learnt = by_the_shipped_rules(said(Crowd(honest=40, hostile=0), chance), 40)
    assert learnt.rows > 300
    assert learnt.references > 50
    assert learnt.wrong < 0.12
    assert learnt.wrong_references < 0.12


def test_one_rater_with_ten_thousand_votes_moves_the_mean_and_not_what_is_learnt(chance: np.random.Generator):
    words = said(Crowd(honest=40, hostile=1, votes=10_000), chance)
    assert sum(word.rater == 40 and word.what == "rated" for word in words) == 10_000
    assert by_the_mean(words).wrong > 0.4
    assert by_the_shipped_rules(words, 41).wrong < 0.12


def test_raters_who_turn_everything_round_move_the_mean_and_not_what_is_learnt(chance: np.random.Generator):
    words = said(Crowd(honest=28, hostile=12), chance)
    assert by_the_mean(words).wrong > 0.2
    assert by_the_shipped_rules(words, 40).wrong < 0.12
