"""What is said of a canary: signs, bounds, whose voice counts, and what happens to one nobody can judge."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from services.domain.canaries import (
    CanaryPolicy,
    CanaryVerdict,
    ConversationMean,
    as_arrays,
    course_under,
    judge_canary,
)
from services.domain.courses import expected
from services.domain.style import Style
from services.domain.turns import in_turn
from services.errors.inputs import InvalidOpinions, InvalidPolicy

PLAIN = Style(words=40.0, list_share=0.0, bold_share=0.0)
POLICY = CanaryPolicy()


def conversations(
    count: int,
    *,
    seed: int = 1,
    raters: int = 40,
    share: float = 0.5,
    quality: float = 0.6,
    effect: float = 0.0,
) -> list[ConversationMean]:
    """Thumbs by raters of different generosity; the canary's chance of a thumb up differs by `effect`."""
    chance = np.random.default_rng(seed)
    generosity = chance.normal(0, 0.1, raters)
    heard = []
    for rater in chance.integers(raters, size=count).tolist():
        canary = bool(chance.random() < share)
        up = chance.random() < quality + generosity[rater] + effect * canary
        heard.append(ConversationMean(float(up), canary, share, str(rater), PLAIN))
    return heard


def exchanged(heard: Sequence[ConversationMean]) -> list[ConversationMean]:
    return [replace(one, canary=not one.canary, propensity=1 - one.propensity) for one in heard]


@settings(max_examples=40, deadline=None)
@given(some.integers(0, 2**32), some.integers(1, 400), some.sampled_from([0.1, 0.3, 0.5]))
def test_exchanging_the_arms_turns_the_sign_and_nothing_else(seed: int, count: int, share: float) -> None:
    heard = conversations(count, seed=seed, share=share, effect=-0.1)
    ours, theirs = judge_canary(heard, POLICY), judge_canary(exchanged(heard), POLICY)
    assert theirs.difference == pytest.approx(-ours.difference)
    assert (theirs.low, theirs.high) == pytest.approx((-ours.high, -ours.low))
    assert theirs.canary_conversations == ours.champion_conversations


@settings(max_examples=25, deadline=None)
@given(some.integers(0, 2**32), some.integers(60, 500))
def test_a_look_in_between_sees_what_the_course_says_there(seed: int, looked: int) -> None:
    heard = conversations(500, seed=seed)
    order = in_turn([one.rater for one in heard], least_raters=POLICY.least_raters)
    course = course_under(POLICY, as_arrays([heard[place] for place in order]))
    judged = judge_canary(heard[:looked], POLICY)
    counted = looked - judged.waiting
    assert judged.difference == pytest.approx(course.differences[counted - 1])
    assert (judged.low, judged.high) == pytest.approx((course.lows[counted - 1], course.highs[counted - 1]))


def test_what_is_expected_of_a_conversation_knows_only_those_before_it() -> None:
    heard = as_arrays(conversations(300))
    later = replace(heard, values=np.concatenate([heard.values[:200], 1 - heard.values[200:]]))
    assert np.array_equal(expected(heard)[:201], expected(later)[:201])
    assert not np.allclose(expected(heard)[201:], expected(later)[201:])


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
def test_the_true_difference_is_found_at_any_share(share: float) -> None:
    found = [
        judge_canary(conversations(1_500, seed=seed, share=share, effect=-0.1), POLICY).difference
        for seed in range(12)
    ]
    error = np.std(found) / math.sqrt(len(found))
    assert np.mean(found) == pytest.approx(-0.1, abs=4 * error)


def test_a_share_that_changed_on_the_way_does_not_look_like_a_difference() -> None:
    """First a tenth by people who like everything, then half by people who like little."""
    early = conversations(2_000, seed=3, raters=100, share=0.1, quality=0.85)
    late = [
        replace(one, rater=f"late {one.rater}")
        for one in conversations(2_000, seed=4, raters=100, share=0.5, quality=0.25)
    ]
    judged = judge_canary([*early, *late], POLICY)
    ups = {arm: np.mean([one.value for one in [*early, *late] if one.canary is arm]) for arm in (True, False)}
    assert ups[True] - ups[False] < -0.15
    assert judged.low < 0 < judged.high


def test_a_worse_canary_is_rolled_back_a_better_one_promoted_and_a_young_one_kept() -> None:
    worse, better = (judge_canary(conversations(2_000, effect=effect), POLICY) for effect in (-0.2, 0.1))
    young = judge_canary(conversations(40), POLICY)
    assert [one.verdict for one in (worse, better, young)] == [
        CanaryVerdict.ROLLBACK,
        CanaryVerdict.FULL,
        CanaryVerdict.KEEP,
    ]
    assert worse.high < 0
    assert better.low > -POLICY.margin
    assert math.isinf(young.low)
    assert "25 of each arm by 5 raters" in young.sentence


def test_one_with_ten_thousand_conversations_cannot_decide() -> None:
    """They see through the arms, and thirty others find the canary ten points worse, or better."""
    for effect, lies in ((-0.2, 1.0), (0.2, 0.0)):
        loud = [
            ConversationMean(lies if one.canary else 1 - lies, one.canary, 0.5, "loud", PLAIN)
            for one in conversations(10_000, seed=9)
        ]
        others = conversations(1_500, seed=10, raters=30, effect=effect)
        judged = judge_canary([*loud, *others], POLICY)
        assert judged.waiting > 9_000
        assert judged.verdict is (CanaryVerdict.ROLLBACK if effect < 0 else CanaryVerdict.FULL)


def test_few_raters_decide_nothing_however_much_they_say() -> None:
    judged = judge_canary(conversations(3_000, raters=4, effect=-0.4), POLICY)
    assert judged.verdict is CanaryVerdict.KEEP


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_ratings_that_are_all_the_same_are_no_certainty(value: float) -> None:
    heard = [replace(one, value=value) for one in conversations(60)]
    assert judge_canary(heard, POLICY).verdict is CanaryVerdict.KEEP


def test_a_small_arm_in_which_nothing_went_wrong_yet_is_not_sure_of_itself() -> None:
    """Forty thumbs up say little of an arm that could be down one time in ten; the others' are known well."""
    heard = conversations(400, raters=40, share=0.1, quality=0.95)
    lucky = [replace(one, value=1.0 if one.canary else one.value) for one in heard]
    assert judge_canary(lucky, POLICY).verdict is CanaryVerdict.KEEP


def test_what_nobody_rates_ends_with_the_policy_s_days() -> None:
    assert judge_canary([], POLICY, days=27.9).verdict is CanaryVerdict.KEEP
    ended = judge_canary([], POLICY, days=28.0)
    assert ended.verdict is CanaryVerdict.ROLLBACK
    assert "not shown in time" in ended.sentence


def test_what_stays_unclear_ends_with_the_policy_s_conversations() -> None:
    policy = replace(POLICY, most_conversations=300)
    assert judge_canary(conversations(299), policy).verdict is CanaryVerdict.KEEP
    assert judge_canary(conversations(400), policy).verdict is CanaryVerdict.ROLLBACK


def test_a_canary_that_only_writes_more_is_warned_of() -> None:
    """People like long answers, and the canary's are long; at equal length it is no better."""
    chance = np.random.default_rng(2)
    heard = []
    for one in conversations(1_500, raters=60):
        words = float(np.exp(chance.normal(4.5 if one.canary else 3.5, 0.6)))
        up = chance.random() < min(1.0, 0.15 * math.log1p(words))
        heard.append(replace(one, value=float(up), style=Style(words, 0.0, 0.0)))
    judged = judge_canary(heard, POLICY)
    assert judged.raw is not None
    assert judged.adjusted is not None
    assert judged.raw.win_rate > 0.55
    assert abs(judged.adjusted.win_rate - 0.5) < 0.05
    assert judged.warning
    plain = [replace(one, style=PLAIN) for one in heard]
    assert not judge_canary(plain, POLICY).warning


@pytest.mark.parametrize(
    ("value", "propensity"), [(1.2, 0.5), (-0.1, 0.5), (0.5, 0.0), (0.5, 1.0), (math.nan, 0.5)]
)
def test_a_conversation_that_cannot_be_is_refused(value: float, propensity: float) -> None:
    with pytest.raises(InvalidOpinions):
        ConversationMean(value, canary=True, propensity=propensity, rater="one", style=PLAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"share": 0.0},
        {"share": 1.0},
        {"share": True},
        {"alpha": 0.5},
        {"margin": 0.0},
        {"margin": math.nan},
        {"least_conversations": 1},
        {"least_conversations": 30.0},
        {"least_raters": 1},
        {"most_conversations": 10},
        {"most_days": 0},
        {"cool_down_hours": -1},
    ],
)
def test_a_policy_that_could_not_watch_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InvalidPolicy):
        replace(POLICY, **change)
