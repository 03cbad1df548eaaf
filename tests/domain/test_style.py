import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from services.domain.style import Style, adjusted, covariates_of, mean_style, style_of


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("", Style(0, 0, 0)),
        ("three plain words", Style(3, 0, 0)),
        ("one **bold** word here", Style(4, 0, 0.25)),
        ("__two words__ of four", Style(4, 0, 0.5)),
        ("Two things:\n\n- first\n- second", Style(6, 2 / 3, 0)),
        ("1. one\n2) two\n10. ten", Style(6, 1, 0)),
        ("2 ** 3 ** 4 is no bold, and 3.5 - 1 no list", Style(14, 0, 0)),
        ("-dash without a room", Style(4, 0, 0)),
    ],
)
def test_what_a_text_looks_like(text: str, style: Style) -> None:
    assert style_of(text) == style


@settings(max_examples=50)
@given(some.text())
def test_shares_are_shares_whatever_people_write(text: str) -> None:
    style = style_of(text)
    assert style.words == len(text.split())
    assert 0 <= style.list_share <= 1
    assert 0 <= style.bold_share <= 1


def test_a_conversation_looks_like_the_mean_of_its_answers() -> None:
    assert mean_style(["one two", "**four** words are here"]) == Style(3, 0, 0.125)
    assert mean_style([]) == style_of("")


@settings(max_examples=40, deadline=None)
@given(some.integers(0, 2**32), some.floats(-0.3, 0.3), some.floats(-1, 1))
def test_what_style_does_is_not_taken_for_the_arm_s(seed: int, effect: float, by_length: float) -> None:
    """Values that arm and style make without chance are told apart exactly."""
    chance = np.random.default_rng(seed)
    canary = (np.arange(80) % 2).astype(float)
    covariates = chance.normal(size=(80, 3)) + canary[:, None]
    values = 0.5 + effect * canary + by_length * covariates[:, 0]
    found = adjusted(values, canary, np.ones(80), covariates)
    assert found.difference == pytest.approx(effect, abs=1e-9)
    assert found.standard_error == pytest.approx(0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(some.integers(0, 2**32))
def test_exchanging_the_arms_turns_difference_and_win_rate(seed: int) -> None:
    chance = np.random.default_rng(seed)
    canary = (chance.random(60) < 0.4).astype(float)
    canary[:2] = 0, 1
    values = chance.integers(0, 5, 60) / 4
    covariates, weights = chance.normal(size=(60, 2)), chance.uniform(1, 4, 60)
    ours = adjusted(values, canary, weights, covariates)
    theirs = adjusted(values, 1 - canary, weights, covariates)
    assert theirs.difference == pytest.approx(-ours.difference)
    assert theirs.standard_error == pytest.approx(ours.standard_error)
    assert theirs.win_rate == pytest.approx(1 - ours.win_rate)


def test_without_covariates_it_is_the_difference_of_means() -> None:
    values, canary = np.array([1.0, 0.5, 0.0, 0.5]), np.array([1.0, 1.0, 0.0, 0.0])
    found = adjusted(values, canary, np.ones(4), np.empty((4, 0)))
    assert found.difference == pytest.approx(0.5)
    assert found.win_rate == pytest.approx(0.75)


def test_the_standard_error_is_what_repeating_shows() -> None:
    chance = np.random.default_rng(7)
    found = []
    for _ in range(400):
        canary = (chance.random(200) < 0.2).astype(float)
        covariate = chance.normal(size=(200, 1))
        values = 0.5 * covariate[:, 0] + chance.normal(size=200) * (1 + 2 * canary)
        weights = np.where(canary > 0, 5, 1.25)
        found.append(adjusted(values, canary, weights, covariate))
    claimed = np.mean([one.standard_error for one in found])
    assert np.std([one.difference for one in found]) == pytest.approx(claimed, rel=0.12)


def test_covariates_that_tell_nothing_are_left_out() -> None:
    same = covariates_of([Style(10, 0, 0)] * 4)
    values, canary = np.array([1.0, 0.5, 0.0, 0.5]), np.array([1.0, 1.0, 0.0, 0.0])
    assert adjusted(values, canary, np.ones(4), same).difference == pytest.approx(0.5)
