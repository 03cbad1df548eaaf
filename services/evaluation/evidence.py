"""Stored reports as the gate reads them: the items of a suite and a version's scores on them, as arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.db.lineage_tables import EvaluationReportRow
from services.domain.evaluation import OWN_SOURCES, Item, ItemSource, MetricValue
from services.domain.evidence import Evidence, Scores, SuiteItems
from services.errors.refusals import ReportsNotComparable
from services.evaluation.scoring import ChoiceScore, ItemScore, JudgedScore, PairScore, Scored
from services.evaluation.suites import item_of
from services.evaluation.summaries import measured, slices_of, summarise


def suite_of(items: Sequence[Item]) -> SuiteItems:
    """The items of a suite in its order; one that names no cluster is its own."""
    numbers: dict[str, int] = {}
    clusters = [numbers.setdefault(item.cluster or item.key, len(numbers)) for item in items]
    slices: dict[str, list[int]] = {}
    for position, item in enumerate(items):
        for name in slices_of(item):
            slices.setdefault(name, []).append(position)
    return SuiteItems(
        keys=tuple(item.key for item in items),
        clusters=np.array(clusters, dtype=np.int64),
        strata=tuple(_stratum(item) for item in items),
        sealed=np.array([_is_sealed(item) for item in items], dtype=bool),
        slices={name: _mask(positions, len(items)) for name, positions in slices.items()},
    )


def evidence_of(report: EvaluationReportRow, items: Sequence[Item]) -> Evidence:
    """A version's scores on the items of its suite; another arm's on those that it was asked.

    Raises ReportsNotComparable where a version lacks some of them, where it is of a release that measured
    otherwise, and where it has items of another suite.
    """
    found: dict[str, Scores] = {}
    for position, record in zip(_places(report, items), report.items, strict=True):
        for name, value, weight in measured(_score_of(report.id, record, items[position])):
            scores = found.setdefault(name, _unmeasured(len(items)))
            scores.values[position] = np.inf if value is None else value
            scores.weights[position] = weight
    return Evidence(
        report_id=report.id,
        version=report.version.number,
        suite_digest=report.suite_digest,
        prompt_version=report.prompt_version,
        settings_digest=report.settings_digest,
        scores=found,
    )


def scores_of(report: EvaluationReportRow) -> list[Scored]:
    """What was scored; ReportsNotComparable where the report is of a release that measured otherwise."""
    return [_score_of(report.id, record, item_of(record["item"])) for record in report.items]


def open_metrics(report: EvaluationReportRow) -> tuple[MetricValue, ...]:
    """The report's means over the items that are not sealed.

    Raises ReportsNotComparable where it is of a release that measured otherwise.
    """
    asked = ((record, item_of(record["item"])) for record in report.items)
    return summarise(_score_of(report.id, record, item) for record, item in asked if not _is_sealed(item))


def _is_sealed(item: Item) -> bool:
    return item.source in OWN_SOURCES and item.is_sealed


def _places(report: EvaluationReportRow, items: Sequence[Item]) -> Sequence[int]:
    """The place of each item of a report in its suite."""
    asked = [(record["item"]["source"], record["item"]["key"]) for record in report.items]
    suite = [(item.source.value, item.key) for item in items]
    if asked == suite:
        return range(len(items))
    places = {of: place for place, of in enumerate(suite)}
    if not report.arm or not places.keys() >= set(asked):
        raise ReportsNotComparable(f"report {report.id} does not hold the items of its suite")
    return [places[of] for of in asked]


def _score_of(report_id: int, record: dict[str, Any], item: Item) -> Scored:
    kind: type[Scored] = ItemScore if "answer" in record else ChoiceScore
    if item.source is ItemSource.PAIR:
        kind = PairScore
    if "verdicts" in record:
        kind = JudgedScore
    try:
        return kind(**{**record, "item": item})
    except TypeError as error:
        raise ReportsNotComparable(
            f"report {report_id} is of another release, which stored other scores"
        ) from error


def _unmeasured(count: int) -> Scores:
    return Scores(np.full(count, np.nan), np.zeros(count))


def _mask(positions: Sequence[int], count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(count, dtype=bool)
    mask[list(positions)] = True
    return mask


def _stratum(item: Item) -> str:
    if item.source not in OWN_SOURCES:
        return ""
    return f"{item.question.audience} · {item.question.domain}"
