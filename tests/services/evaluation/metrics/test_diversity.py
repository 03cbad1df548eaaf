import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.metrics.diversity import distinct, repetition

WORDS = st.lists(st.sampled_from("abcd"), max_size=30).map(" ".join)


@given(WORDS)
def test_repetition_is_a_share_and_saying_all_twice_adds_only_the_runs_across_the_seam(
    answer: str,
):
    once, twice, words = repetition(answer), repetition(f"{answer} {answer}"), len(answer.split())
    assert 0 <= once < 1
    assert 0 <= twice < 1
    different = (1 - once) * max(0, words - 3)
    if words > 1:
        assert twice >= 1 - (different + 3) / (2 * words - 3) - 1e-9
    if words > 3 and once == 0:
        assert twice > 0


@given(st.lists(st.integers(), unique=True, max_size=30))
def test_an_answer_of_different_words_repeats_nothing(words: list[int]):
    assert repetition(" ".join(map(str, words))) == 0


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("", 0.0),
        ("a a a", 0.0),  # no run of four words
        ("a a a a a", 0.5),
        ("The sea is salt. THE sea is salt. The", 2 / 6),  # six runs of four words, two of them said before
        ("one two three four five", 0.0),
    ],
)
def test_repetition_counts_runs_of_four_words_that_came_before(answer: str, share: float):
    assert repetition(answer) == pytest.approx(share)


@given(st.lists(WORDS, max_size=6), st.integers(1, 3))
def test_variety_is_a_share_and_saying_all_twice_does_not_raise_it(answers: list[str], length: int):
    once, twice = distinct(answers, length), distinct([*answers, *answers], length)
    assert 0 <= twice <= once <= 1


def test_variety_divides_different_runs_by_all_words():
    assert distinct(["a b a", "b a"], 1) == 2 / 5
    assert distinct(["a b a", "b a"], 2) == 2 / 5
    assert distinct([], 1) == 0
