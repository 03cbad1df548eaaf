"""Whoever comes, in whatever order: nobody is heard beyond their share, and nothing is heard twice."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from services.domain.turns import in_turn

COMERS = some.lists(some.sampled_from([*"aaaaaabbc", *map(str, range(12))]), max_size=200)


@given(COMERS)
def test_nobody_is_heard_beyond_their_share(raters: list[str]) -> None:
    order = in_turn(raters, least_raters=5)
    heard: Counter[str] = Counter()
    came = 0
    for number, place in enumerate(order, start=1):
        came = max(came, place)
        heard[raters[place]] += 1
        active = len(set(raters[: came + 1]))
        assert heard[raters[place]] <= max(1, max(0.02, 2 / max(active, 5)) * number)


@given(COMERS)
def test_each_conversation_counts_once_and_a_rater_s_own_in_their_order(raters: list[str]) -> None:
    order = in_turn(raters, least_raters=5)
    assert len(set(order)) == len(order)
    for rater in set(raters):
        own = [place for place in order if raters[place] == rater]
        assert own == [place for place, one in enumerate(raters) if one == rater][: len(own)]
        assert own  # everybody is heard at least once


@given(COMERS, some.integers(0, 200))
def test_what_counted_once_stays_where_it_is(raters: list[str], earlier: int) -> None:
    before = in_turn(raters[:earlier], least_raters=5)
    assert in_turn(raters, least_raters=5)[: len(before)] == before


def test_people_who_speak_equally_often_are_all_heard() -> None:
    raters = [str(number) for _ in range(40) for number in range(50)]
    assert in_turn(raters, least_raters=5) == list(range(2_000))


def test_one_with_ten_thousand_waits_for_the_others() -> None:
    raters = ["loud"] * 10_000 + [str(number) for _ in range(10) for number in range(40)]
    heard = Counter(raters[place] for place in in_turn(raters, least_raters=5))
    assert heard["loud"] <= 2 / 41 * heard.total() + 1
    assert heard.total() - heard["loud"] == 400
