"""What the gates said of a version last, and its report of that night, each as one statement: run as it is,
or embedded in another one.
"""

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow


def newest_decision_on(version_id: int | InstrumentedAttribute[int]) -> Select[GateDecisionRow]:
    """The last decision on a version as a candidate; no row where no gate has judged it."""
    return (
        select(GateDecisionRow)
        .join(GateDecisionRow.candidate_report)
        .where(EvaluationReportRow.adapter_version_id == version_id)
        .order_by(GateDecisionRow.id.desc())
        .limit(1)
    )


def own_report_of(version_id: int | InstrumentedAttribute[int]) -> Select[EvaluationReportRow]:
    """The report of a version's own night: what the last decision on it as a candidate rests on.

    Of one that no gate has judged, the plain base among them, the first. A version that serves is asked again
    every night, on that night's questions: such a report is about its successor, and is never this one.
    """
    return (
        select(EvaluationReportRow)
        .outerjoin(GateDecisionRow, GateDecisionRow.candidate_report_id == EvaluationReportRow.id)
        .where(EvaluationReportRow.adapter_version_id == version_id, EvaluationReportRow.arm == "")
        .order_by(GateDecisionRow.id.desc().nulls_last(), EvaluationReportRow.id)
        .limit(1)
    )
