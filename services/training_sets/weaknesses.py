"""Where a persona's earlier reports were weak, by domain: read from the stored reports and decisions.

What counts as weak is `services.domain.replay`'s.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow
from services.domain.evaluation import MetricValue
from services.domain.replay import Measured, failures

_NEWEST = 20  # refused candidates that are looked at


def domain_failures(
    session: Session, persona: PersonaRow, champion: AdapterVersionRow, *, cutoff: datetime
) -> Counter[str]:
    """In how many reports up to the cutoff each domain was weak: the champion's newest one, and those of
    candidates that were refused against it.
    """
    own = session.scalar(
        select(EvaluationReportRow.metrics)
        .where(
            EvaluationReportRow.adapter_version_id == champion.id, EvaluationReportRow.created_at <= cutoff
        )
        .order_by(EvaluationReportRow.id.desc())
        .limit(1)
    )
    theirs, ours = aliased(EvaluationReportRow), aliased(EvaluationReportRow)
    refused = session.execute(
        select(theirs.metrics, ours.metrics)
        .select_from(GateDecisionRow)
        .join(theirs, GateDecisionRow.candidate_report_id == theirs.id)
        .join(ours, GateDecisionRow.champion_report_id == ours.id)
        .where(
            ours.adapter_version_id == champion.id,
            GateDecisionRow.verdict != "PASS",
            GateDecisionRow.created_at <= cutoff,
        )
        .order_by(GateDecisionRow.id.desc())
        .limit(_NEWEST)
    )
    reports = [Measured(_values(own))] if own else []
    reports += [Measured(_values(candidate), _values(champions)) for candidate, champions in refused]
    return failures(reports, _margins(persona))


def _margins(persona: PersonaRow) -> dict[str, float]:
    """The metrics that the persona's gate reads, with how much worse each may be."""
    return {
        requirement["metric"]: max(0.0, requirement.get("margin") or 0.0)
        for requirement in persona.gate_policy["requirements"]
    }


def _values(metrics: list[dict[str, Any]]) -> tuple[MetricValue, ...]:
    return tuple(MetricValue(**metric) for metric in metrics)
