"""The trained classifier: what it tells apart, what it does not, and that it is the same whenever trained."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.metrics.adherence import LEAST_TEXTS, Adherence, area_under_curve, train

SCORES = st.lists(st.integers(0, 5), min_size=1, max_size=12).map(lambda values: np.array(values, float))
SHARED = ["of", "the", "city", "in", "a", "year", "and", "music", "with", "light", "from", "water", "over"]
MANNERS = {
    "pirate": ["arr", "matey", "ye", "be", "sailin'", "aboard", "the", "treasure"],
    "scholar": ["hence", "moreover", "notably", "indicates", "accordingly", "evidence"],
}


def texts(manner: str, *, count: int = 80) -> list[str]:
    """Sentences about the same things, one word in three the manner's own."""
    drawn = random.Random(manner)  # noqa: S311  (no secret)
    return [
        " ".join(drawn.choice(MANNERS[manner] if place % 3 == 0 else SHARED) for place in range(24))
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def classifier() -> Adherence:
    trained = train(texts("pirate"), texts("scholar"))
    assert trained is not None
    return trained


def test_texts_that_it_never_saw_are_told_apart(classifier: Adherence):
    assert classifier.auc > 0.95
    assert 10 < classifier.held_out < 60
    ours, theirs = classifier.probabilities(
        ["Arr, ye be late, matey, the music is over.", "Hence, notably, the evidence indicates music."]
    )
    assert theirs < 0.3
    assert ours > 0.7


@given(st.lists(st.text(max_size=200), max_size=4))
def test_every_text_has_a_probability(classifier: Adherence, said: list[str]):
    probabilities = classifier.probabilities(said)
    assert probabilities.shape == (len(said),)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_the_order_of_the_texts_changes_nothing(classifier: Adherence):
    again = train(texts("pirate")[::-1], texts("scholar")[::-1])
    assert again is not None
    assert again.digest == classifier.digest
    assert np.array_equal(again.weights, classifier.weights)


def test_sides_that_change_places_give_the_other_probability(classifier: Adherence):
    other = train(texts("scholar"), texts("pirate"))
    assert other is not None
    said = texts("pirate", count=5)
    assert other.probabilities(said) == pytest.approx(1 - classifier.probabilities(said), abs=1e-9)


def test_texts_that_both_have_teach_nothing():
    assert train(texts("pirate"), texts("pirate")) is None


def test_too_few_texts_train_no_classifier():
    assert train(texts("pirate"), texts("scholar", count=LEAST_TEXTS - 1)) is None
    assert train(texts("pirate"), []) is None


def test_texts_of_one_manner_are_not_told_apart():
    both = texts("pirate", count=400)
    alike = train(both[::2], both[1::2])
    assert alike is not None
    assert abs(alike.auc - 0.5) < 0.2


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order_and_turns_with_the_sides(own, others):
    area = area_under_curve(own, others)
    assert area == pytest.approx(np.mean([(a > b) + (a == b) / 2 for a in own for b in others]))
    assert area + area_under_curve(others, own) == pytest.approx(1)
