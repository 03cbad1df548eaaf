"""Answers of two versions to the same open questions, beside each other: those that got better or worse most.

What is sealed, and what is not answered but only read off, is never among them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.db.lineage_tables import EvaluationReportRow
from services.domain.conversation import Question
from services.domain.evaluation import METRICS, Item, ItemSource
from services.domain.evidence import Evidence
from services.domain.statistics import Floats
from services.evaluation.evidence import evidence_of

SHOWN = 10  # of each kind
_TOLD = 0.005  # differences are told in hundredths
ANSWERED = frozenset({ItemSource.HOLDOUT, ItemSource.BANK})


@dataclass(frozen=True, slots=True)
class Answers:
    """What both versions answered to one item."""

    key: str
    cluster: str
    question: Question
    candidate: str
    champion: str


@dataclass(frozen=True, slots=True)
class Change:
    """By how much one item's answer is better (worse where negative) on each metric, the target's first."""

    answers: Answers
    differences: tuple[tuple[str, float], ...]


def open_answers(
    candidate: EvaluationReportRow, champion: EvaluationReportRow, items: Sequence[Item]
) -> Iterator[tuple[int, Answers]]:
    """Each open item that was answered, with its place in the suite."""
    for position, item in enumerate(items):
        if item.source in ANSWERED and not item.is_sealed:
            ours, theirs = (report.items[position]["answer"] for report in (candidate, champion))
            yield position, Answers(item.key, item.cluster or item.key, item.question, ours, theirs)


def most_changed(
    candidate: EvaluationReportRow, champion: EvaluationReportRow, items: Sequence[Item], *, target: str
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """The most improved and the most worsened: by the target's difference, then by the others' together.

    An answer that changed on no metric is neither. Raises ReportsNotComparable.
    """
    ours, theirs = evidence_of(candidate, items), evidence_of(champion, items)
    differences = {name: _better_by(name, ours, theirs) for name in _compared(ours, theirs, target)}
    ranked: list[tuple[tuple[float, float], Change]] = []
    for position, answers in open_answers(candidate, champion, items):
        found = tuple(
            (name, float(values[position]))
            for name, values in differences.items()
            if np.isfinite(values[position])
        )
        first = sum(value for name, value in found if name == target)
        rank = (first, sum(value for name, value in found if name != target and METRICS[name].is_share))
        ranked.append((rank, Change(answers, tuple(one for one in found if abs(one[1]) >= _TOLD))))
    ranked.sort(key=lambda one: (one[0], one[1].answers.key))
    improved = tuple(change for rank, change in reversed(ranked) if rank > (0.0, 0.0))
    worsened = tuple(change for rank, change in ranked if rank < (0.0, 0.0))
    return improved[:SHOWN], worsened[:SHOWN]


def _compared(ours: Evidence, theirs: Evidence, target: str) -> list[str]:
    both = [name for name in ours.scores if name in theirs.scores]
    return sorted(both, key=lambda name: (name != target, name))


def _better_by(metric: str, ours: Evidence, theirs: Evidence) -> Floats:
    """(items,): NaN where the metric does not measure an item, infinite where it is no number."""
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    with np.errstate(invalid="ignore"):  # infinite on both sides is no difference that can be told
        return sign * (ours.scores[metric].values - theirs.scores[metric].values)
