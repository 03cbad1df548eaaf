"""What the gates said of a version last, as one statement: run as it is, or embedded in another one."""

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
