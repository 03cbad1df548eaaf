"""Where a persona's earlier reports were weak, by domain: read from the stored reports and decisions.

What is replayed goes by it, so sealed items are left out: what a night learns must not depend on them. What
counts as weak is `services.domain.replay`'s.
"""

from collections import Counter
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow
from services.domain.gate_policy import GatePolicy
from services.domain.replay import Measured, failures
from services.errors.refusals import ReportsNotComparable
from services.evaluation.decisions import parse_policy
from services.evaluation.evidence import open_metrics

_NEWEST = 20  # refused candidates that are looked at


def domain_failures(
    session: Session, persona: PersonaRow, champion: AdapterVersionRow, *, cutoff: datetime
) -> Counter[str]:
    """In how many reports up to the cutoff each domain was weak: the champion's newest one, and those of
    candidates that were refused against it. Those of a release that measured otherwise say nothing.
    """
    newest = session.scalar(
        select(EvaluationReportRow)
        .where(
            EvaluationReportRow.adapter_version_id == champion.id,
            EvaluationReportRow.arm == "",
            EvaluationReportRow.created_at <= cutoff,
        )
        .order_by(EvaluationReportRow.id.desc())
        .limit(1)
    )
    theirs, ours = aliased(EvaluationReportRow), aliased(EvaluationReportRow)
    refused = session.execute(
        select(theirs, ours)
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
    looked_at = [_measured(newest)] if newest else []
    looked_at += [_measured(candidate, against) for candidate, against in refused]
    return failures([one for one in looked_at if one], _margins(parse_policy(persona.gate_policy)))


def _measured(report: EvaluationReportRow, against: EvaluationReportRow | None = None) -> Measured | None:
    try:
        return Measured(open_metrics(report), open_metrics(against) if against else None)
    except ReportsNotComparable:
        return None


def _margins(policy: GatePolicy) -> dict[str, float]:
    """The metrics that the gate compares, with how much worse each may be; the target in each slice."""
    margins = {one.metric: one.margin for one in policy.requirements if one.margin is not None}
    return {
        **margins,
        policy.improves: min(policy.slice_margin, margins.get(policy.improves, policy.slice_margin)),
    }
