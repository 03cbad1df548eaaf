"""How many rows are replayed, and which share of them each domain gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.evaluation import MetricValue
from services.domain.replay import Measured, failures, rows_to_replay, share_out

MARGINS = {"fact_hit": 0.05, "held_out_loss": 0.1}


def report(**slices: float) -> tuple[MetricValue, ...]:
    """Values of fact_hit, overall and by domain."""
    return tuple(
        MetricValue("fact_hit", "overall" if name == "overall" else f"domain:{name}", value, 30)
        for name, value in slices.items()
    )


@pytest.mark.parametrize(
    ("new", "percent", "rows"), [(90, 10, 10), (9, 10, 1), (91, 10, 11), (50, 0, 0), (5, 50, 5)]
)
def test_replay_is_a_share_of_the_final_set(new: int, percent: int, rows: int):
    assert rows_to_replay(new, percent) == rows


def test_without_failures_domains_share_by_size():
    assert share_out({"music": 30, "physics": 10}, {}, 8) == {"music": 6, "physics": 2}


def test_each_failure_counts_a_domain_once_more():
    assert share_out({"music": 20, "physics": 20}, {"physics": 1}, 9) == {"music": 3, "physics": 6}
    assert share_out({"music": 20, "physics": 20}, {"physics": 9}, 10) == {"music": 2, "physics": 8}


def test_a_domain_that_has_too_few_leaves_the_rest_to_others():
    assert share_out({"music": 2, "physics": 20}, {"music": 3}, 12) == {"music": 2, "physics": 10}


@given(
    available=st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 50)),
    failed=st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 5)),
    wanted=st.integers(0, 200),
)
def test_all_that_is_wanted_or_all_there_is_is_shared_out(available, failed, wanted):
    shares = share_out(available, failed, wanted)
    assert sum(shares.values()) == min(wanted, sum(available.values()))
    assert all(0 <= share <= available[domain] for domain, share in shares.items())


def test_a_domain_worse_than_the_whole_by_more_than_the_margin_is_weak():
    own = Measured(report(overall=0.8, music=0.76, physics=0.7))
    assert failures([own], MARGINS) == {"physics": 1}
    assert failures([own], {"fact_hit": 0.2}) == {}


def test_what_a_refused_candidate_forgot_is_weak():
    champion = report(overall=0.8, music=0.9, physics=0.7)
    refused = Measured(report(overall=0.8, music=0.7, physics=0.9), champion)
    assert failures([refused, refused], MARGINS) == {"music": 2}


def test_of_a_loss_more_is_worse_and_a_missing_number_says_nothing():
    loss = tuple(
        MetricValue("held_out_loss", name, value, 30)
        for name, value in (("overall", 1.0), ("domain:music", 1.2), ("domain:physics", None))
    )
    assert failures([Measured(loss)], MARGINS) == {"music": 1}
