import numpy as np
import pytest

from services.domain.consensus import Opinions, find_consensus
from services.domain.raters import ALPHA, RaterFindings, Standing, judge_raters, within_daily_limit
from tests.domain.simulated_raters import Confusion, agrees, always, world

PEERS = 40
EVEN = {3: (1 / 3, 1 / 3, 1 / 3), 4: (0.25, 0.25, 0.25, 0.25)}


def judge(opinions: Opinions) -> RaterFindings:
    return judge_raters(opinions, find_consensus(opinions))


def among_peers(person: Confusion, *, seed: int, answers: int = 6000, count: int = 4) -> RaterFindings:
    """Findings with `count` of such persons last, after 40 who agree with the truth 80 %."""
    choices = len(person)
    people = [agrees(0.8, choices=choices)] * PEERS + [person] * count
    return judge(world(people, seed=seed, answers=answers, shares=EVEN[choices]).opinions)


@pytest.mark.parametrize(
    ("reliability", "opinions_each", "answers"),
    [(0.75, 4, 1000), (0.75, 2, 1000), (0.9, 3, 1000), (0.6, 3, 300)],
)
def test_nobody_who_chooses_like_the_others_is_reported_however_often_one_looks(
    reliability: float, opinions_each: int, answers: int
) -> None:
    worlds = 20
    reported = 0
    for seed in range(worlds):
        simulated = world([agrees(reliability)] * 60, seed=seed, answers=answers, opinions_each=opinions_each)
        reported += bool(judge(simulated.opinions).reported_after.any())

    # ALPHA bounds the chance that a world has any; one more than expected is allowed for luck.
    assert reported <= worlds * ALPHA + 1


@pytest.mark.parametrize("choices", [3, 4])
def test_opinions_turned_round_are_flagged_within_fifty_in_nine_cases_of_ten(choices: int) -> None:
    worlds = [among_peers(agrees(0.05, choices=choices), seed=seed, answers=1500) for seed in range(10)]
    flagged = np.concatenate([findings.flagged_after[PEERS:] for findings in worlds])

    assert np.mean((flagged > 0) & (flagged <= 50)) >= 0.9
    assert flagged.all()
    assert worlds[0].standing(PEERS) is Standing.FLAGGED


@pytest.mark.parametrize("choices", [3, 4])
def test_random_clicks_are_reported_within_fifty_five_opinions_in_nine_cases_of_ten(choices: int) -> None:
    worlds = [among_peers(always(*EVEN[choices]), seed=seed, answers=1500) for seed in range(10)]
    reported = np.concatenate([findings.reported_after[PEERS:] for findings in worlds])

    assert np.mean((reported > 0) & (reported <= 55)) >= 0.9


@pytest.mark.parametrize(("choices", "opinions", "share"), [(3, 1200, 0.4), (4, 650, 0.8)])
def test_random_clicks_are_flagged_once_there_is_enough_to_tell_them_from_a_minority(
    choices: int, opinions: int, share: float
) -> None:
    worlds = [among_peers(always(*EVEN[choices]), seed=seed, answers=14_000) for seed in range(4)]
    flagged = np.concatenate([findings.flagged_after[PEERS:] for findings in worlds])

    assert np.mean((flagged > 0) & (flagged <= opinions)) >= share


@pytest.mark.parametrize("choices", [3, 4])
def test_an_honest_minority_is_reported_with_its_agreement_and_not_flagged(choices: int) -> None:
    worlds = [among_peers(agrees(0.4, choices=choices), seed=seed, count=10) for seed in range(4)]
    reported = np.concatenate([findings.reported_after[PEERS:] > 0 for findings in worlds])
    flagged = np.concatenate([findings.flagged_after[PEERS:] > 0 for findings in worlds])
    agreement = np.concatenate([findings.agreement[PEERS:] for findings in worlds])

    assert reported.all()
    assert flagged.mean() <= ALPHA
    assert agreement.mean() == pytest.approx(0.4, abs=0.04)


def test_whoever_gives_everything_five_stars_is_ordinary_where_most_answers_are_good() -> None:
    people = [agrees(0.8)] * PEERS + [always(0.01, 0.02, 0.97)] * 4
    findings = judge(world(people, seed=3).opinions)

    assert {findings.standing(rater) for rater in range(PEERS, PEERS + 4)} == {Standing.ORDINARY}


def test_no_ordinary_peer_is_flagged_beside_hostile_ones() -> None:
    findings = among_peers(agrees(0.05), seed=4, count=6)

    assert not findings.flagged_after[:PEERS].any()


def test_answers_that_nobody_else_judged_test_nobody() -> None:
    findings = judge(Opinions(np.arange(50), np.zeros(50, int), np.zeros(50, int), answers=50, raters=2))

    assert findings.tested.tolist() == [0, 0]
    assert np.isnan(findings.agreement).all()
    assert findings.standing(0) is Standing.ORDINARY


def test_a_flag_counts_opinions_in_order_of_time() -> None:
    simulated = world([agrees(0.85)] * PEERS, seed=6).opinions
    turned = simulated.choice.copy()
    # Rater 0 chooses like the others fifteen times and turns every opinion round from then on.
    later = np.flatnonzero(simulated.rater == 0)[15:]
    turned[later] = (turned[later] + 1) % 3
    findings = judge(
        Opinions(simulated.answer, simulated.rater, turned, simulated.answers, simulated.raters, 3)
    )

    assert findings.reported_after[0] > 15
    assert findings.standing(0) is Standing.FLAGGED


def test_the_first_opinions_of_a_rater_and_day_count_and_the_rest_do_not() -> None:
    rater = np.array([1, 0, 1, 1, 0, 1, 1])
    day = np.array([5, 5, 5, 5, 6, 6, 5])

    counted = within_daily_limit(rater, day, limit=2)

    assert counted.tolist() == [True, True, True, False, True, True, False]


def test_a_day_without_opinions_has_none_to_count() -> None:
    assert within_daily_limit(np.zeros(0, int), np.zeros(0, int), limit=3).size == 0


def test_products_go_on_where_they_stood() -> None:
    """By one model of the raters, so that nothing but the products is compared."""
    simulated = world([agrees(0.8)] * 20 + [agrees(0.05)], seed=4).opinions
    consensus = find_consensus(simulated)
    late = np.arange(simulated.choice.size) >= simulated.choice.size // 2
    whole = judge_raters(simulated, consensus)
    first = judge_raters(simulated, consensus, new=~late)
    both = judge_raters(simulated, consensus, earlier=first, new=late)

    for name in ("tested", "agreed", "clicking", "blindness", "clicked", "by_habit", "turned", "chosen"):
        assert np.allclose(getattr(both, name), getattr(whole, name)), name
    assert (both.flagged_after == whole.flagged_after).all()
    assert whole.flagged_after[20] > 0


def test_a_limit_counts_what_was_said_of_the_day_before() -> None:
    rater, day = np.array([0, 0, 1, 0]), np.array([5, 5, 5, 6])
    counted = within_daily_limit(rater, day, limit=2, spent=np.array([1, 1, 0, 0]))

    assert counted.tolist() == [True, False, True, True]
