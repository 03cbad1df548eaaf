"""Metrics of one answer, as pure functions, and their means by slice.

The persona-style hit rate, the marker groups and the character overlap are the ones the persona-adaptive
question-answering project measured (14 % before its change of generation settings, 67 % after).
"""

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.conversation import language_of
from services.domain.evaluation import (
    ACCURACY,
    ANSWER_WORDS,
    CHARACTER_JACCARD,
    EXACT_MATCH,
    FACT_HIT,
    FORMAT_VALIDITY,
    GENERAL_ABILITY,
    HELD_OUT_LOSS,
    OVERALL,
    REWARD_ACCURACY,
    SAFETY,
    SHORT_SHARE,
    STYLE_HIT,
    TOKEN_F1,
    Item,
    ItemSource,
    MetricValue,
)
from services.evaluation.frozen_suites import kind_of
from services.evaluation.token_overlap import token_f1

SHORT_ANSWER_WORDS = 10
FREE = AnswerRules()

_FROZEN = {ItemSource.GENERAL: GENERAL_ABILITY, ItemSource.SAFETY: SAFETY}

MARKER_GROUPS = {
    "explanatory": ("because", "for example", "such as", "this means"),
    "technical": ("optimization", "methodology", "algorithm", "framework"),
    "educational": ("demonstrates", "indicates", "important", "consider"),
    "reasoning": ("while", "however", "therefore", "consequently"),
}
_AUDIENCE_GROUPS = (
    ("student", ("explanatory", "educational")),
    ("general reader", ("explanatory", "educational")),
    ("scientist", ("technical", "educational")),
    ("professional", ("technical", "educational")),
    ("educator", ("educational", "reasoning")),
)


@dataclass(frozen=True, slots=True)
class ItemScore:
    """Scores of one answer, the last of `attempts`; None where item or format lack what the metric needs.

    `loss` is the mean negative natural-log probability per token of the reference, of `loss_tokens` tokens;
    None beside a number of tokens says that it was infinite or not a number, which JSON cannot say.
    """

    item: Item
    answer: str
    seed: int
    exact_match: float | None
    fact_hit: float | None
    accuracy: float | None
    token_f1: float | None
    format_validity: float | None
    character_jaccard: float | None
    style_hit: float
    words: int
    loss: float | None
    loss_tokens: int
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class PairScore:
    """Which of the two answers of a pair a version prefers, beside the plain base.

    `margin` is by how many nats it raised the better answer's log-probability more than the worse one's: the
    difference of the two implicit rewards, divided by beta (Rafailov et al. 2023, arXiv 2305.18290).
    `preferred` is 1 for the better answer and 0.5 for a tie. Both are None where that is no finite number.
    """

    item: Item
    margin: float | None
    preferred: float | None


@dataclass(frozen=True, slots=True)
class ChoiceScore:
    """Which of a frozen item's two texts a version holds more likely: `preferred` is 1 for the better one.

    `better` and `worse` are their log-probabilities (end token included) in nats per character, so that the
    longer text is not the less likely one for its length: Gao et al., "A framework for few-shot language
    model evaluation", divide by bytes in the same way (acc_norm). `preferred` is 0.5 for a tie. None stands
    for no finite number.
    """

    item: Item
    better: float | None
    worse: float | None
    preferred: float | None


Scored = ItemScore | PairScore | ChoiceScore


def score_choice(item: Item, *, better: float, worse: float) -> ChoiceScore:
    """`better` and `worse`: log-probability of the whole of each text under the version itself."""
    rates = _finite(better / len(item.reference)), _finite(worse / len(item.rejected))
    if rates[0] is None or rates[1] is None:
        return ChoiceScore(item, *rates, None)
    return ChoiceScore(item, *rates, 0.5 if rates[0] == rates[1] else float(rates[0] > rates[1]))


def score_pair(item: Item, *, chosen: float, rejected: float) -> PairScore:
    """`chosen` and `rejected`: log-probability of each answer under the version minus that under the base."""
    margin = chosen - rejected
    if not math.isfinite(margin):
        return PairScore(item, None, None)
    return PairScore(item, margin, 0.5 if margin == 0 else float(margin > 0))


def score(
    item: Item,
    answer: str,
    *,
    seed: int,
    attempts: int = 1,
    markers: Sequence[str],
    log_probabilities: Sequence[float],
    rules: AnswerRules = FREE,
) -> ItemScore:
    """Every metric of one answer; `log_probabilities` are the reference's, empty where not asked for."""
    return ItemScore(
        item=item,
        answer=answer,
        seed=seed,
        exact_match=exact_match(answer, item.reference) if item.reference else None,
        fact_hit=fact_hit(answer, item.answer_key) if item.answer_key else None,
        accuracy=accuracy(answer, item, rules),
        token_f1=token_f1(answer, item.reference) if item.reference else None,
        format_validity=format_validity(answer, item, rules),
        character_jaccard=character_jaccard(answer, item.reference) if item.reference else None,
        style_hit=style_hit(answer, item.question.audience, markers=markers),
        words=len(answer.split()),
        loss=_mean([(-value, 1) for value in log_probabilities]) if log_probabilities else None,
        loss_tokens=len(log_probabilities),
        attempts=attempts,
    )


def accuracy(answer: str, item: Item, rules: AnswerRules) -> float | None:
    """Of multiple choice alone: 1.0 when the letter that the answer names is the key's, 0.0 without any."""
    key = rules.read(item.answer_key or item.reference) if rules.format is AnswerFormat.MCQ else None
    return None if key is None else float(rules.read(answer) == key)


def format_validity(answer: str, item: Item, rules: AnswerRules) -> float | None:
    """1.0 when the answer is in the format; None where any text is. Looked at without validation too."""
    return float(rules.problem(answer, item.question.text) is None) if rules.constrain else None


def exact_match(answer: str, reference: str) -> float:
    """1.0 when both are equal but for case and outer white space."""
    return float(answer.strip().lower() == reference.strip().lower())


def fact_hit(answer: str, answer_key: str) -> float:
    """1.0 when the normalised key occurs in the normalised answer as whole words."""
    return float(f" {_normalised(answer_key)} " in f" {_normalised(answer)} ")


def character_jaccard(answer: str, reference: str) -> float:
    """Shared characters over all characters of both texts, as sets, without case; 1.0 for two empty texts."""
    left, right = set(answer.lower()), set(reference.lower())
    return len(left & right) / len(left | right) if left | right else 1.0


def style_hit(answer: str, audience: str, *, markers: Sequence[str]) -> float:
    """1.0 when a marker occurs: the persona's own where it has some, else one of the audience's groups."""
    wanted = markers or [marker for group in marker_groups(audience) for marker in MARKER_GROUPS[group]]
    return float(any(_contains(answer, marker) for marker in wanted))


def marker_groups(audience: str) -> tuple[str, ...]:
    """The groups that suit an audience ("computer scientist" counts as scientist); all for an unknown one."""
    for word, groups in _AUDIENCE_GROUPS:
        if word in audience.casefold():
            return groups
    return tuple(MARKER_GROUPS)


def summarise(scores: Iterable[Scored]) -> tuple[MetricValue, ...]:
    """Means overall and by slice; losses are weighted by their tokens."""
    sums: dict[tuple[str, str], list[tuple[float | None, int]]] = defaultdict(list)
    for scored in scores:
        for name, value, weight in measured(scored):
            for slice_name in slices_of(scored.item):
                sums[name, slice_name].append((value, weight))
    return tuple(
        MetricValue(
            name=name,
            slice=slice_name,
            value=_mean(values),
            items=len(values),
        )
        for (name, slice_name), values in sorted(sums.items())
    )


def slices_of(item: Item) -> tuple[str, ...]:
    """Everything, and the item's audience, domain and source; its language where the audience says one.

    What every persona is asked is of no persona's audience or domain: of that, source and kind.
    """
    if item.source in _FROZEN:
        return (OVERALL, f"source:{item.source}", f"kind:{kind_of(item)}")
    audience, language = item.question.audience, language_of(item.question.audience)
    known = (f"audience:{audience}", f"domain:{item.question.domain}", f"source:{item.source}")
    return (OVERALL, *known, f"language:{language}") if language else (OVERALL, *known)


def measured(scored: Scored) -> list[tuple[str, float | None, int]]:
    if isinstance(scored, PairScore):
        return [(REWARD_ACCURACY.name, scored.preferred, 1)]
    if isinstance(scored, ChoiceScore):
        return [(_FROZEN[scored.item.source].name, scored.preferred, 1)]
    values: list[tuple[str, float | None, int]] = [
        (EXACT_MATCH.name, scored.exact_match, 1),
        (FACT_HIT.name, scored.fact_hit, 1),
        (ACCURACY.name, scored.accuracy, 1),
        (TOKEN_F1.name, scored.token_f1, 1),
        (FORMAT_VALIDITY.name, scored.format_validity, 1),
        (CHARACTER_JACCARD.name, scored.character_jaccard, 1),
        (STYLE_HIT.name, scored.style_hit, 1),
        (ANSWER_WORDS.name, float(scored.words), 1),
        (SHORT_SHARE.name, float(scored.words < SHORT_ANSWER_WORDS), 1),
    ]
    measured = [value for value in values if value[1] is not None]
    if scored.loss_tokens:
        measured.append((HELD_OUT_LOSS.name, scored.loss, scored.loss_tokens))
    return measured


def _mean(values: Sequence[tuple[float | None, int]]) -> float | None:
    """The mean by weight; None when that is no finite number, as it is when one of the values is none."""
    total = sum(math.nan if value is None else value * weight for value, weight in values)
    return _finite(total / sum(weight for _, weight in values))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _contains(answer: str, marker: str) -> bool:
    pattern = r"\s+".join(re.escape(word) for word in marker.casefold().split())
    return re.search(rf"(?<!\w){pattern}(?!\w)", answer.casefold()) is not None


def _normalised(text: str) -> str:
    """Case, accents' composition, punctuation and articles do not decide whether a fact is there."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = re.sub(r"[^\w]+", " ", folded).split()
    return " ".join(word for word in words if word not in {"a", "an", "the"})
