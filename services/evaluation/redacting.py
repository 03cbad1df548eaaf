"""Taking an erased rater's texts out of suites and reports, and marking the decisions that rest on them.

Numbers stay: which version was how good is nobody's word. What is gone cannot be decided on again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.db.lineage_tables import EvaluationReportRow, EvaluationSuiteRow, GateDecisionRow

Record = dict[str, Any]
ERASED = "(erased)"
_KEPT = frozenset({"key", "source"})
_BETWEEN = " · "  # audience and domain, in the name of a slice


def redact_suites(
    session: Session,
    personas: Collection[int],
    is_theirs: Callable[[Mapping[str, Any]], bool],
    *,
    at: datetime,
) -> list[str]:
    """Take the rater's items out of every suite of these personas; the digests of those that had any."""
    found = []
    digests = select(EvaluationSuiteRow.digest).where(EvaluationSuiteRow.persona_id.in_(personas))
    for digest in session.scalars(digests.order_by(EvaluationSuiteRow.digest)).all():
        suite = session.get_one(EvaluationSuiteRow, digest, with_for_update={"key_share": True})
        if any(map(is_theirs, suite.items)):
            suite.items = [_emptied(item) if is_theirs(item) else item for item in suite.items]
            suite.redacted_at = suite.redacted_at or at
            found.append(digest)
        session.flush()
        session.expire(suite)  # of all suites one at a time is held
    return found


def redact_reports(session: Session, suites: Collection[str], labels: Collection[str]) -> list[int]:
    """Take the items that their suites have no more out of the reports on them; the ids of the reports.

    `labels` are domains and audiences that nobody but the rater named.
    """
    ids = select(EvaluationReportRow.id).where(EvaluationReportRow.suite_digest.in_(suites))
    reports = list(session.scalars(ids.order_by(EvaluationReportRow.id)))
    for report_id in reports:
        report = session.get_one(EvaluationReportRow, report_id)
        suite = session.get_one(EvaluationSuiteRow, report.suite_digest)
        gone = {item["key"] for item in suite.items if not item["question"]["text"]}
        report.items = [_emptied(one) if one["item"]["key"] in gone else one for one in report.items]
        report.metrics = [metric | {"slice": _unnamed(metric["slice"], labels)} for metric in report.metrics]
        session.flush()
        session.expire(report)
    return reports


def redact_decisions(
    session: Session, reports: Sequence[int], labels: Collection[str], *, at: datetime
) -> Sequence[GateDecisionRow]:
    """Mark every decision that rests on one of the reports."""
    found = session.scalars(
        select(GateDecisionRow)
        .where(
            or_(
                GateDecisionRow.candidate_report_id.in_(reports),
                GateDecisionRow.champion_report_id.in_(reports),
                GateDecisionRow.anchor_report_id.in_(reports),
            )
        )
        .order_by(GateDecisionRow.id)
    ).all()
    for decision in found:
        decision.redacted_at = decision.redacted_at or at
        checks = [check | {"slice": _unnamed(check["slice"], labels)} for check in decision.checks]
        if checks != decision.checks:
            decision.checks = checks
        if decision.outlook and _unnamed(decision.outlook["slice"], labels) != decision.outlook["slice"]:
            decision.outlook = decision.outlook | {"slice": ERASED}
    session.flush()  # while the erasure is under way: nobody redacts one at another time
    return found


def _emptied(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """The record with no text in it but what names it."""
    match value:
        case str():
            return ""
        case dict():
            return {name: one if name in _KEPT else _emptied(one) for name, one in value.items()}
        case list():
            return [_emptied(one) for one in value]
        case _:
            return value


def _unnamed(name: str, labels: Collection[str]) -> str:
    """The name of a slice, such as `domain:music` or `student · music`, without the labels in it."""
    kind, colon, label = name.partition(":")
    if colon and label in labels:
        return f"{kind}:{ERASED}"
    return _BETWEEN.join(ERASED if part in labels else part for part in name.split(_BETWEEN))
