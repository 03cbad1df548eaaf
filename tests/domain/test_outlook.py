"""The outlook: how many items a verdict lacks, and how long they take to come in."""

from dataclasses import replace

import pytest

from services.domain.checks import Asked, Check, Verdict
from services.domain.outlook import Arrivals, outlook

LACKING = Check(
    asked=Asked.BETTER,
    metric="style_hit",
    slice="overall",
    against=0,
    required=0.0,
    items=100,
    verdict=Verdict.INSUFFICIENT,
    reason="perhaps",
    more_items=120,
)
ELSEWHERE = replace(LACKING, metric="fact_hit", more_items=10)
LATELY = Arrivals({("style_hit", "overall"): 56, ("fact_hit", "overall"): 0}, days=7.0)


def test_a_verdict_that_lacks_nothing_has_no_outlook():
    assert (
        outlook([replace(LACKING, verdict=Verdict.PASS), replace(LACKING, more_items=None)], LATELY) is None
    )


def test_at_the_present_rate_it_takes_so_many_days():
    told = outlook([LACKING], LATELY)
    assert told is not None
    assert (told.per_day, told.days) == (8.0, 15.0)
    assert str(told).endswith("at 8.0 a day, as of late, that takes 15 days.")


def test_the_slowest_counts_and_never_is_slowest():
    told = outlook([LACKING, ELSEWHERE], LATELY)
    assert told is not None
    assert (told.metric, told.days) == ("fact_hit", None)
    assert "none came in lately" in str(told)


def test_without_an_earlier_night_no_rate_is_made_up():
    told = outlook([LACKING, ELSEWHERE], None)
    assert told is not None
    assert (told.more_items, told.per_day) == (120, None)
    assert "no earlier night" in str(told)


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
def test_only_what_cannot_be_told_is_waited_for(verdict: Verdict):
    assert outlook([replace(LACKING, verdict=verdict)], LATELY) is None
