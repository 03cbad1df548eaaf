"""Scores of one item: what an arm answered, or which of two texts it prefers.

The metrics themselves are in `metrics`, means over items in `summaries`, and what needs a trained instrument
(adherence, semantic similarity) is added by `instruments`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.domain.answer_formats import AnswerRules
from services.domain.evaluation import Item
from services.evaluation.metrics.diversity import repetition
from services.evaluation.metrics.formats import accuracy, format_validity
from services.evaluation.metrics.overlap import character_jaccard, exact_match, fact_hit, token_f1
from services.evaluation.metrics.style import style_hit

FREE = AnswerRules()


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
    # Reports of older releases lack these.
    repetition: float | None = None
    adherence: float | None = None
    semantic_similarity: float | None = None


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


@dataclass(frozen=True, slots=True)
class JudgedScore:
    """What a model said of the candidate's and the champion's answer to an item, asked in both orders.

    `verdicts` are its words, the candidate shown first and then second; none where both answers are equal.
    `judged_better` is 1 for the candidate, 0 for the champion, 0.5 for a tie or where the orders disagree;
    None where it gave no verdict.
    """

    item: Item
    candidate: str
    champion: str
    verdicts: tuple[str, ...]
    judged_better: float | None


Scored = ItemScore | PairScore | ChoiceScore | JudgedScore


def score_choice(item: Item, *, better: float, worse: float) -> ChoiceScore:
    """`better` and `worse`: log-probability of the whole of each text under the version itself."""
    rates = finite(better / len(item.reference)), finite(worse / len(item.rejected))
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
    """Every metric that needs no instrument; `log_probabilities` are the reference's, or empty."""
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
        loss=finite(sum(-value for value in log_probabilities) / len(log_probabilities))
        if log_probabilities
        else None,
        loss_tokens=len(log_probabilities),
        attempts=attempts,
        repetition=repetition(answer),
    )


def finite(value: float) -> float | None:
    """None for what JSON has no word for."""
    return value if math.isfinite(value) else None
