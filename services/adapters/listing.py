"""The versions of a persona page by page, with what the newest report on each measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow
from services.domain.evaluation import OVERALL


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """`metrics` are the overall ones; empty where it was never evaluated."""

    row: AdapterVersionRow
    metrics: Mapping[str, float | None]


def versions(
    session: Session, persona: PersonaRow, *, limit: int, below: int | None = None, only: int | None = None
) -> list[ListedVersion]:
    """The newest first, of numbers below `below` where that is given, or the one of number `only`."""
    chosen = (
        select(AdapterVersionRow)
        .where(AdapterVersionRow.persona_id == persona.id)
        .order_by(AdapterVersionRow.number.desc())
        .limit(limit)
    )
    if below is not None:
        chosen = chosen.where(AdapterVersionRow.number < below)
    if only is not None:
        chosen = chosen.where(AdapterVersionRow.number == only)
    rows = session.scalars(chosen).all()
    metrics = _metrics(session, [row.id for row in rows])
    return [ListedVersion(row, metrics.get(row.id, {})) for row in rows]


def _metrics(session: Session, version_ids: Sequence[int]) -> dict[int, dict[str, float | None]]:
    newest = (
        select(EvaluationReportRow.adapter_version_id, EvaluationReportRow.metrics)
        .where(EvaluationReportRow.adapter_version_id.in_(version_ids), EvaluationReportRow.arm == "")
        .order_by(EvaluationReportRow.adapter_version_id, EvaluationReportRow.id.desc())
        .ext(distinct_on(EvaluationReportRow.adapter_version_id))
    )
    return {
        version: {one["name"]: one["value"] for one in metrics if one["slice"] == OVERALL}
        for version, metrics in session.execute(newest)
    }
