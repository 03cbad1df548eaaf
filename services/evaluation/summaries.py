"""From the scores of items to a report's metrics: means by slice, and what only answers together have."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from services.domain.conversation import language_of
from services.domain.evaluation import (
    ACCURACY,
    ADHERENCE,
    ANSWER_WORDS,
    CHARACTER_JACCARD,
    DISTINCT_1,
    DISTINCT_2,
    EXACT_MATCH,
    FACT_HIT,
    FORMAT_VALIDITY,
    GENERAL_ABILITY,
    HELD_OUT_LOSS,
    JUDGED_BETTER,
    OVERALL,
    PERPLEXITY,
    REPETITION,
    REWARD_ACCURACY,
    SAFETY,
    SEMANTIC_SIMILARITY,
    SHORT_SHARE,
    STYLE_HIT,
    TOKEN_F1,
    Item,
    ItemSource,
    MetricValue,
)
from services.evaluation.frozen_suites import kind_of
from services.evaluation.metrics.diversity import distinct
from services.evaluation.scoring import ChoiceScore, ItemScore, JudgedScore, PairScore, Scored, finite

SHORT_ANSWER_WORDS = 10
_FROZEN = {ItemSource.GENERAL: GENERAL_ABILITY, ItemSource.SAFETY: SAFETY}
_DISTINCT = {DISTINCT_1.name: 1, DISTINCT_2.name: 2}


def summarise(scores: Iterable[Scored]) -> tuple[MetricValue, ...]:
    """Means overall and by slice, losses weighted by their tokens; perplexity and variety of each slice."""
    sums: dict[tuple[str, str], list[tuple[float | None, int]]] = defaultdict(list)
    answers: dict[str, list[str]] = defaultdict(list)
    for scored in scores:
        slices = slices_of(scored.item)
        for name, value, weight in measured(scored):
            for slice_name in slices:
                sums[name, slice_name].append((value, weight))
        if isinstance(scored, ItemScore):
            for slice_name in slices:
                answers[slice_name].append(scored.answer)
    means = [MetricValue(*of, _mean(values), len(values)) for of, values in sums.items()]
    together = (*means, *_perplexities(means), *_varieties(answers))
    return tuple(sorted(together, key=lambda one: (one.name, one.slice)))


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
    """Metric, value and weight of what was measured of an item."""
    if isinstance(scored, PairScore):
        return [(REWARD_ACCURACY.name, scored.preferred, 1)]
    if isinstance(scored, JudgedScore):
        given = scored.judged_better
        return [] if given is None else [(JUDGED_BETTER.name, given, 1)]
    if isinstance(scored, ChoiceScore):
        return [(_FROZEN[scored.item.source].name, scored.preferred, 1)]
    values: list[tuple[str, float | None, int]] = [
        (EXACT_MATCH.name, scored.exact_match, 1),
        (FACT_HIT.name, scored.fact_hit, 1),
        (ACCURACY.name, scored.accuracy, 1),
        (TOKEN_F1.name, scored.token_f1, 1),
        (FORMAT_VALIDITY.name, scored.format_validity, 1),
        (CHARACTER_JACCARD.name, scored.character_jaccard, 1),
        (SEMANTIC_SIMILARITY.name, scored.semantic_similarity, 1),
        (STYLE_HIT.name, scored.style_hit, 1),
        (ADHERENCE.name, scored.adherence, 1),
        (REPETITION.name, scored.repetition, 1),
        (ANSWER_WORDS.name, float(scored.words), 1),
        (SHORT_SHARE.name, float(scored.words < SHORT_ANSWER_WORDS), 1),
    ]
    found = [value for value in values if value[1] is not None]
    if scored.loss_tokens:
        found.append((HELD_OUT_LOSS.name, scored.loss, scored.loss_tokens))
    return found


def _perplexities(means: Iterable[MetricValue]) -> Iterator[MetricValue]:
    for mean in means:
        if mean.name == HELD_OUT_LOSS.name:
            value = None if mean.value is None else _exponential(mean.value)
            yield MetricValue(PERPLEXITY.name, mean.slice, value, mean.items)


def _varieties(answers: dict[str, list[str]]) -> Iterator[MetricValue]:
    for slice_name, texts in answers.items():
        for name, length in _DISTINCT.items():
            yield MetricValue(name, slice_name, distinct(texts, length), len(texts))


def _exponential(loss: float) -> float | None:
    try:
        return math.exp(loss)
    except OverflowError:
        return None


def _mean(values: Sequence[tuple[float | None, int]]) -> float | None:
    """The mean by weight; None when that is no finite number, as it is when one of the values is none."""
    total = sum(math.nan if value is None else value * weight for value, weight in values)
    return finite(total / sum(weight for _, weight in values))
