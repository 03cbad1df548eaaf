"""What a canary's conversations say so far: promote it fully, go on watching, or roll it back.

Pure: which conversations are heard, when one looks and what is done then are not decided here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from services.domain.courses import Course, Heard, course_of, expected, numbered
from services.domain.style import Estimate, Style, adjusted, covariates_of
from services.domain.turns import in_turn
from services.errors.inputs import InvalidOpinions, InvalidPolicy

RANGES = {"share": (0.01, 0.99), "alpha": (1e-6, 0.2), "margin": (0.001, 0.5)}
LEAST = {
    "least_conversations": 10,
    "least_raters": 2,
    "most_conversations": 100,
    "most_days": 1,
    "cool_down_hours": 0,
}
MOST_COUNT = 1_000_000
_STYLE_WARNING = (
    "The canary is rated higher, but not at equal length, lists and bold: read some of its answers before it "
    "is promoted fully."
)


class CanaryVerdict(StrEnum):
    KEEP = "keep"
    FULL = "full"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """How a promotion to a share of conversations is watched.

    `share` of the conversations go to the canary; with half of them the fewest ratings tell. It is promoted
    fully once it is shown to be less than `margin` (0.05: five points of a hundred) worse than the champion,
    and rolled back once it is shown to be worse at all. `alpha` bounds the chance that the interval behind
    both ever misses the truth, however often one looks. Before `least_conversations` of each arm and
    `least_raters` nothing is decided. What is not known after `most_conversations` or `most_days` is rolled
    back. After a rollback the same version may not be tried again for `cool_down_hours`.
    """

    share: float = 0.5
    alpha: float = 0.05
    margin: float = 0.05
    least_conversations: int = 25
    least_raters: int = 5
    most_conversations: int = 20_000
    most_days: int = 28
    cool_down_hours: int = 24

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            value: object = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise InvalidPolicy(f"{name} must lie between {least:g} and {most:g}.")
        for name, fewest in LEAST.items():
            count: object = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, int) or not fewest <= count <= MOST_COUNT:
                raise InvalidPolicy(f"{name} must be a whole number from {fewest} to {MOST_COUNT:,}.")


@dataclass(frozen=True, slots=True)
class ConversationMean:
    """One conversation that was rated: the mean of its current ratings, from 0 to 1.

    `propensity` is the probability with which it could have gone to the canary, as stored with the answers,
    also where the champion answered. Raises InvalidOpinions.
    """

    value: float
    canary: bool
    propensity: float
    rater: str
    style: Style

    def __post_init__(self) -> None:
        if not 0 < self.propensity < 1:
            raise InvalidOpinions("a conversation could have had one arm only")
        if not 0 <= self.value <= 1:
            raise InvalidOpinions("a conversation's mean lies outside 0 to 1")


@dataclass(frozen=True, slots=True)
class CanaryJudgement:
    """`difference` is canary less champion; it lies between `low` and `high`, which are infinite as long as
    there are fewer conversations or raters than the policy asks for.

    `waiting` conversations do not count yet, as their raters have had their share. `raw` and `adjusted` are
    the difference and the win rate without and with regard to style, None with `low` infinite; `warning` is
    empty where there is none.
    """

    verdict: CanaryVerdict
    difference: float
    low: float
    high: float
    canary_conversations: int
    champion_conversations: int
    canary_raters: int
    champion_raters: int
    waiting: int
    raw: Estimate | None
    adjusted: Estimate | None
    warning: str
    sentence: str


def judge_canary(
    heard: Sequence[ConversationMean], policy: CanaryPolicy, *, days: float = 0.0
) -> CanaryJudgement:
    """What is to be done with the canary, `days` after it began.

    `heard` is in the order in which conversations were first rated; a later rating changes a conversation's
    value and not its place.
    """
    order = in_turn([one.rater for one in heard], least_raters=policy.least_raters)
    counted = [heard[place] for place in order]
    ours, theirs = ([one.rater for one in counted if one.canary is arm] for arm in (True, False))
    arrays = as_arrays(counted)
    difference, low, high = _measured(arrays, policy)
    verdict = verdict_of(low, high, policy)
    if days >= policy.most_days or len(counted) >= policy.most_conversations:
        verdict = CanaryVerdict.FULL if verdict is CanaryVerdict.FULL else CanaryVerdict.ROLLBACK
    raw, adjusted_for_style = _compared(counted, arrays) if math.isfinite(low) else (None, None)
    return CanaryJudgement(
        verdict=verdict,
        difference=difference,
        low=low,
        high=high,
        canary_conversations=len(ours),
        champion_conversations=len(theirs),
        canary_raters=len(set(ours)),
        champion_raters=len(set(theirs)),
        waiting=len(heard) - len(counted),
        raw=raw,
        adjusted=adjusted_for_style,
        warning=_STYLE_WARNING if _is_style(raw, adjusted_for_style) else "",
        sentence=_sentence(verdict, difference, low, high, len(counted), policy),
    )


def as_arrays(counted: Sequence[ConversationMean]) -> Heard:
    return Heard(
        values=np.array([one.value for one in counted], dtype=np.float64),
        canary=np.array([one.canary for one in counted], dtype=np.float64),
        propensities=np.array([one.propensity for one in counted], dtype=np.float64),
        raters=numbered([one.rater for one in counted]),
    )


def course_under(policy: CanaryPolicy, heard: Heard) -> Course:
    """All that the policy's interval would have said, one look after each conversation."""
    return course_of(
        heard, alpha=policy.alpha, least=policy.least_conversations, least_raters=policy.least_raters
    )


def _measured(heard: Heard, policy: CanaryPolicy) -> tuple[float, float, float]:
    if not heard.values.size:
        return 0.0, -math.inf, math.inf
    course = course_under(policy, heard)
    return float(course.differences[-1]), float(course.lows[-1]), float(course.highs[-1])


def verdict_of(low: float, high: float, policy: CanaryPolicy) -> CanaryVerdict:
    """What an interval says by itself, however long the canary has been watched."""
    if high < 0:
        return CanaryVerdict.ROLLBACK
    return CanaryVerdict.FULL if low > -policy.margin else CanaryVerdict.KEEP


def _compared(counted: Sequence[ConversationMean], heard: Heard) -> tuple[Estimate, Estimate]:
    """Raters' habits are taken out of both, as they are out of the bounds."""
    values = heard.values - expected(heard)
    features = covariates_of(one.style for one in counted)
    raw = adjusted(values, heard.canary, heard.weights, features[:, :0])
    return raw, adjusted(values, heard.canary, heard.weights, features)


def _is_style(raw: Estimate | None, adjusted_for_style: Estimate | None) -> bool:
    """Whether the canary is shown to be rated higher, and most of that goes with how its answers look."""
    if raw is None or adjusted_for_style is None or not raw.is_up or adjusted_for_style.is_up:
        return False
    return adjusted_for_style.difference < raw.difference / 2


def _in_words(difference: float, low: float, high: float, count: int, policy: CanaryPolicy) -> str:
    if math.isinf(low):
        return (
            f"{count} conversations count, and {policy.least_conversations} of each arm by "
            f"{policy.least_raters} raters are needed"
        )
    return (
        f"{100 * difference:+.1f} points, between {100 * low:+.1f} and {100 * high:+.1f}, "
        f"in {count} conversations"
    )


def _sentence(
    verdict: CanaryVerdict, difference: float, low: float, high: float, count: int, policy: CanaryPolicy
) -> str:
    measured = _in_words(difference, low, high, count, policy)
    margin = f"less than {100 * policy.margin:g} points worse than the champion"
    match verdict:
        case CanaryVerdict.FULL if low > 0:
            return f"The canary is better than the champion: {measured}."
        case CanaryVerdict.FULL:
            return f"The canary is {margin}: {measured}."
        case CanaryVerdict.KEEP:
            return f"It is not known yet whether the canary is {margin}: {measured}."
        case CanaryVerdict.ROLLBACK if high < 0:
            return f"The canary is worse than the champion: {measured}."
        case CanaryVerdict.ROLLBACK:
            return f"The canary was not shown in time to be {margin}: {measured}."
