"""What keeps a version's files, one rule at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from services.domain.promotions import Promotion, PromotionKind
from services.domain.retention import Holding, RetentionPolicy, why_kept, why_orphan_kept

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD = AT - timedelta(days=400)
POLICY = RetentionPolicy(versions=2, days=30)


def old(number: int, *, decided: bool = False) -> Holding:
    return Holding(number, OLD, decided)


def kept(*holdings: Holding, served: tuple[int, ...] = (), previous: int = 0) -> dict[int, str]:
    ledger = [Promotion(number, PromotionKind.FULL, AT) for number in served]
    return why_kept(holdings, ledger, previous=previous, policy=POLICY, at=AT)


def test_an_old_version_that_nothing_names_may_go():
    reasons = kept(old(1), old(2), old(3))
    assert reasons[1] == ""
    assert reasons[2] == reasons[3] == "one of the newest 2"


@pytest.mark.parametrize(
    ("served", "previous", "decided", "reason"),
    [
        ((2, 1), 2, False, "it serves"),
        ((1, 2), 1, False, "a rollback leads to it"),
        ((1, 2, 3), 2, False, "it served, and can be put back"),
        ((2,), 0, True, "a decision names it"),
    ],
)
def test_what_the_ledger_or_a_decision_names_stays(served, previous, decided, reason):
    holdings = [old(1, decided=decided), *(old(number) for number in range(2, 9))]
    assert kept(*holdings, served=served, previous=previous)[1] == reason


def test_the_candidate_of_an_open_canary_stays_and_that_of_one_that_ended_may_go():
    canary = Promotion(1, PromotionKind.CANARY, AT, share=0.1)
    ended = [canary, Promotion(2, PromotionKind.ROLLBACK, AT)]
    holdings = [old(1), old(2), old(3), old(4)]
    for ledger, reason in (([canary], "a canary is open"), (ended, "")):
        assert why_kept(holdings, ledger, previous=0, policy=POLICY, at=AT)[1] == reason


def test_what_another_persona_is_to_begin_with_stays_unless_it_is_tainted():
    others = [old(2), old(3), old(4)]
    for tainted, reason in ((False, "another persona is to begin with it"), (True, "")):
        lent = Holding(1, OLD, decided=False, awaited=True, tainted=tainted)
        assert kept(lent, *others)[1] == reason


def test_a_young_version_stays_until_its_days_are_over():
    at_the_limit = Holding(1, AT - timedelta(days=30), decided=False)
    below = Holding(2, AT - timedelta(days=30) + timedelta(seconds=1), decided=False)
    reasons = kept(at_the_limit, below, old(3), old(4))
    assert (reasons[1], reasons[2]) == ("", "younger than 30 days")


@pytest.mark.parametrize(
    ("number", "hours", "goes"), [(3, 24, True), (3, 23, False), (6, 24_000, False), (6, 1, False)]
)
def test_an_orphan_goes_after_a_day_once_a_newer_version_is_known(number, hours, goes):
    reason = why_orphan_kept(number, newest=5, written_at=AT - timedelta(hours=hours), at=AT)
    assert (reason == "") is goes


def test_nothing_but_serving_keeps_a_tainted_version():
    tainted = Holding(1, AT, decided=True, tainted=True)
    assert kept(tainted, served=(1, 2)) == {1: ""}
    assert kept(tainted, served=(2, 1)) == {1: "it serves"}
