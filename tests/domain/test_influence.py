import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from services.domain.influence import SHARE, Influence, cap_influence
from services.errors.inputs import InvalidOpinions


@some.composite
def sets(draw: some.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Rows of any weight, each made by none to four raters' opinions, some raters much louder than others."""
    chance = np.random.default_rng(draw(some.integers(0, 2**32)))
    rows, raters = draw(some.integers(1, 400)), draw(some.integers(1, 150))
    entries = chance.integers(0, draw(some.integers(2, 5)), size=rows)
    loudness = chance.pareto(draw(some.floats(0.3, 3.0)), size=raters) + 1e-6
    row = np.repeat(np.arange(rows), entries)
    rater = chance.choice(raters, size=row.size, p=loudness / loudness.sum())
    return chance.gamma(0.5, size=rows), row, rater, raters


@settings(max_examples=150, deadline=None)
@given(sets())
def test_nobody_carries_more_than_the_limit_of_what_is_left_and_only_the_loudest_lose(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    weights, row, rater, raters = drawn
    capped = cap_influence(weights, row=row, rater=rater, raters=raters)
    total = capped.weights.sum()

    active = int(np.count_nonzero(capped.before))
    assert capped.limit == max(SHARE, 2 / max(active, 1))
    assert np.all(capped.after <= capped.limit * total * (1 + 1e-9))
    lost = capped.after < capped.before
    # Whoever lost anything stands at the limit exactly: nothing was taken without need.
    assert capped.after[lost] == pytest.approx(capped.limit * total)
    whole = ~np.isin(np.arange(weights.size), row[lost[rater]])
    assert np.array_equal(capped.weights[whole], weights[whole])


@settings(max_examples=150, deadline=None)
@given(sets())
def test_the_parts_of_rows_add_up_to_their_weights_and_to_what_raters_carry(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray, int],
) -> None:
    weights, row, rater, raters = drawn
    capped = cap_influence(weights, row=row, rater=rater, raters=raters)

    owned = np.isin(np.arange(weights.size), row)
    assert np.bincount(row, capped.parts, weights.size)[owned] == pytest.approx(capped.weights[owned])
    assert np.bincount(rater, capped.parts, raters) == pytest.approx(capped.after)


def one_rater_each(*carried: float) -> Influence:
    everyone = np.arange(len(carried))
    return cap_influence(np.array(carried, dtype=float), row=everyone, rater=everyone, raters=len(carried))


def test_a_flooder_among_two_hundred_keeps_two_percent_of_what_is_left() -> None:
    capped = one_rater_each(1000.0, *[1.0] * 199)

    assert capped.weights[0] / capped.weights.sum() == pytest.approx(0.02)
    assert capped.weights[0] == pytest.approx(199 * 0.02 / 0.98)  # not 2 % of the total before


def test_among_few_raters_each_may_carry_twice_an_equal_share() -> None:
    capped = one_rater_each(100.0, 1.0, 1.0, 1.0)

    assert capped.limit == 0.5
    assert capped.weights.tolist() == pytest.approx([3.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("carried", [(5.0,), (5.0, 1.0), (1.0,) * 30])
def test_one_or_two_raters_and_equal_ones_are_left_as_they_are(carried: tuple[float, ...]) -> None:
    assert one_rater_each(*carried).weights.tolist() == list(carried)


def test_a_row_of_two_raters_loses_the_capped_ones_part_only() -> None:
    # Rater 0 made rows 0 to 9 alone and shares row 10 with rater 1; raters 1 to 4 have a row of their own.
    row = np.array([*range(10), 10, 10, 11, 12, 13, 14])
    rater = np.array([0] * 10 + [0, 1, 1, 2, 3, 4])

    capped = cap_influence(np.ones(15), row=row, rater=rater, raters=5)

    factor = capped.after[0] / capped.before[0]
    assert factor < 1
    assert capped.weights[10] == pytest.approx(0.5 + 0.5 * factor)
    assert capped.weights[11:].tolist() == [1.0] * 4


def test_rows_that_belong_to_nobody_are_kept_and_count_in_the_total() -> None:
    # One row of each of four raters, one of them loud, and a seed row.
    weights = np.array([100.0, 1.0, 1.0, 1.0, 50.0])
    capped = cap_influence(weights, row=np.arange(4), rater=np.arange(4), raters=4)

    assert capped.weights.tolist() == pytest.approx([53.0, 1.0, 1.0, 1.0, 50.0])


@pytest.mark.parametrize(
    ("weights", "row", "rater"),
    [([1.0], [0, 0], [0]), ([1.0], [1], [0]), ([1.0], [0], [1]), ([-1.0], [0], [0])],
    ids=["lengths", "no such row", "no such rater", "a negative weight"],
)
def test_arrays_that_do_not_fit_are_refused(weights: list[float], row: list[int], rater: list[int]) -> None:
    with pytest.raises(InvalidOpinions):
        cap_influence(np.array(weights), row=np.array(row), rater=np.array(rater), raters=1)
