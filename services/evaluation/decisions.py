"""Gate decisions in PostgreSQL: made once per (candidate report, champion report, policy)."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.lineage_tables import (
    AdapterVersionRow,
    EvaluationReportRow,
    GateDecisionRow,
    PromotionRow,
)
from services.domain.gate import GatePolicy, Requirement, decide
from services.domain.promotions import PromotionKind
from services.domain.training import digest_of
from services.errors.inputs import InvalidPolicy
from services.errors.lookups import UnknownRecord
from services.evaluation.reports import summary_of


def parse_policy(record: dict[str, Any]) -> GatePolicy:
    """A stored or uploaded policy; InvalidPolicy says what is wrong with it."""
    try:
        return GatePolicy(tuple(Requirement(**requirement) for requirement in record["requirements"]))
    except (KeyError, TypeError) as error:
        raise InvalidPolicy(f"it does not have the expected shape ({error}).") from error


def decide_and_store(
    session: Session, *, candidate_report: int, champion_report: int, policy: GatePolicy, at: datetime
) -> GateDecisionRow:
    """The decision on these reports under this policy: the stored one, or a new one.

    Raises UnknownRecord, ReportsNotComparable.
    """
    candidate, champion = _report(session, candidate_report), _report(session, champion_report)
    decision = decide(summary_of(candidate), summary_of(champion), policy)
    record = asdict(policy)
    session.execute(
        insert(GateDecisionRow)
        .values(
            candidate_report_id=candidate_report,
            champion_report_id=champion_report,
            policy=record,
            policy_digest=digest_of(record),
            verdict=decision.verdict,
            checks=[asdict(check) for check in decision.checks],
            created_at=at,
        )
        .on_conflict_do_nothing(constraint="gate_decisions_inputs_uq")
    )
    return session.scalars(
        select(GateDecisionRow).where(
            GateDecisionRow.candidate_report_id == candidate_report,
            GateDecisionRow.champion_report_id == champion_report,
            GateDecisionRow.policy_digest == digest_of(record),
        )
    ).one()


def promoted_over(session: Session, version: AdapterVersionRow) -> AdapterVersionRow | None:
    """The version that the gate judged this one against when it was promoted; None if it never was."""
    decision = session.scalar(
        select(GateDecisionRow)
        .join(PromotionRow, PromotionRow.decision_id == GateDecisionRow.id)
        .where(PromotionRow.adapter_version_id == version.id, PromotionRow.kind == PromotionKind.FULL)
        .order_by(PromotionRow.id)
        .limit(1)
    )
    return decision.champion_report.version if decision else None


def _report(session: Session, report_id: int) -> EvaluationReportRow:
    report = session.get(EvaluationReportRow, report_id)
    if report is None:
        raise UnknownRecord("evaluation report", report_id)
    return report
