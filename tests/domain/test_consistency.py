"""What comparing says of the rater: counted from first choices, and never surer than the numbers allow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.domain.comparing import OfferKind, ask_different_things, draw_offer, turned
from services.domain.consistency import JudgedOffer, Share, consistency_of
from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import Choice

LEFT, RIGHT, TIE, BAD = Choice


def test_the_same_again_is_the_other_side():
    found = consistency_of(
        [JudgedOffer(RIGHT, before=LEFT), JudgedOffer(LEFT, before=LEFT), JudgedOffer(TIE, before=TIE)]
    )
    assert found.repeats == Share(2, 3)


def test_a_known_pair_is_no_word_for_a_side_and_both_bad_is_no_miss():
    found = consistency_of(
        [
            JudgedOffer(LEFT, expected=LEFT),
            JudgedOffer(TIE, expected=LEFT),
            JudgedOffer(BAD, expected=RIGHT),
            JudgedOffer(RIGHT),
        ]
    )
    assert (found.judged, found.known, found.left) == (4, Share(1, 2), Share(0, 1))


@given(some.integers(1, 500).flatmap(lambda of: some.tuples(some.integers(0, of), some.just(of))))
def test_the_share_lies_in_its_interval(counted: tuple[int, int]):
    share = Share(*counted)
    low, high = share.interval
    assert 0 <= low <= (share.value or 0) <= high <= 1
    assert low < high


def test_the_interval_covers_what_is_true_as_often_as_it_says():
    chance = np.random.default_rng(7)
    true = chance.random(4_000)
    covered = [
        low <= share <= high
        for share, hits in zip(true, chance.binomial(40, true).tolist(), strict=True)
        for low, high in [Share(hits, 40).interval]
    ]
    assert 0.94 < np.mean(covered) < 0.96


def test_of_nothing_nothing_is_known():
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, (0.0, 1.0))


def test_who_clicks_is_told_from_who_looks():
    chance = np.random.default_rng(3)
    every = [Choice(one) for one in chance.choice(list(Choice), size=400)]
    clicks = consistency_of(
        JudgedOffer(one, before=before) for one, before in zip(every[:200], every[200:], strict=True)
    )
    looks = consistency_of(
        JudgedOffer(turned(before) if sure < 0.85 else TIE, before=before)
        for before, sure in zip(every[:200], chance.random(200), strict=True)
    )
    assert clicks.repeats.interval[1] < 0.4 < looks.repeats.interval[0]


def test_kinds_come_in_the_shares_of_the_policy_and_sides_by_halves():
    drawn = [draw_offer(str(seed), ExamplePolicy()) for seed in range(20_000)]
    share = {kind: sum(one.kind is kind for one in drawn) / 20_000 for kind in OfferKind}
    assert share[OfferKind.REPEAT] == pytest.approx(0.05, abs=0.006)
    assert share[OfferKind.KNOWN] == pytest.approx(0.03, abs=0.005)
    assert sum(one.swapped for one in drawn) / 20_000 == pytest.approx(0.5, abs=0.012)
    assert drawn[0] == draw_offer("0", ExamplePolicy())


@pytest.mark.parametrize("choice", Choice)
def test_turned_twice_a_choice_is_the_same(choice: Choice):
    assert turned(turned(choice)) is choice


@pytest.mark.parametrize(
    ("one", "other", "different"),
    [
        ("What is a keel?", "Who wrote Hamlet?", True),
        ("What is the capital of Peru?", "what is the  capital of France?", False),
        ("海はなぜ塩辛いのですか", "ハムレットを書いたのは誰", True),
        ("海はなぜ塩辛いのですか", "海はなぜ塩辛いの?", False),
        ("", "Who wrote Hamlet?", False),
    ],
)
def test_questions_that_could_share_an_answer_are_not_set_against_each_other(
    one: str, other: str, *, different: bool
):
    assert ask_different_things(one, other) is different
