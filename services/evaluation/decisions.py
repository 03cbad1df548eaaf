"""Gate decisions in PostgreSQL: made once per (reports, policy, version of the gate)."""

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
from services.domain.gate import GATE_VERSION, Decision, decide
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.promotions import PromotionKind
from services.domain.training import digest_of
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import GateChanged, ReportsNotComparable
from services.evaluation.evidence import evidence_of, suite_of
from services.evaluation.reports import report_by_id
from services.evaluation.suites import suite_items


def parse_policy(record: dict[str, Any]) -> GatePolicy:
    """A stored or uploaded policy; InvalidPolicy says what is wrong with it."""
    if not isinstance(record.get("target", ""), str):
        raise InvalidPolicy("target must be the name of a metric.")
    try:
        requirements = tuple(Requirement(**requirement) for requirement in record["requirements"])
        return GatePolicy(**{**record, "requirements": requirements})
    except (KeyError, TypeError) as error:
        raise InvalidPolicy(f"it does not have the expected shape ({error}).") from error


def decide_and_store(
    session: Session,
    *,
    candidate_report: int,
    champion_report: int,
    anchor_report: int,
    policy: GatePolicy,
    at: datetime,
) -> GateDecisionRow:
    """The decision on these reports under this policy: the stored one, or a new one.

    Raises UnknownRecord, ReportsNotComparable.
    """
    candidate, champion, anchor = (
        report_by_id(session, one) for one in (candidate_report, champion_report, anchor_report)
    )
    for one in (candidate, champion, anchor):
        if one.arm:
            raise ReportsNotComparable(f"report {one.id} is of the arm “{one.arm}” and of no version")
    decision = _decide(session, candidate, champion, anchor, policy)
    record = asdict(policy)
    inputs = {
        "candidate_report_id": candidate_report,
        "champion_report_id": champion_report,
        "anchor_report_id": anchor_report,
        "policy_digest": digest_of(record),
        "gate_version": GATE_VERSION,
    }
    session.execute(
        insert(GateDecisionRow)
        .values(
            **inputs,
            policy=record,
            verdict=decision.verdict,
            checks=[asdict(check) for check in decision.checks],
            used=list(decision.used),
            opened=decision.opened,
            created_at=at,
        )
        .on_conflict_do_nothing(constraint="gate_decisions_inputs_uq")
    )
    return session.scalars(select(GateDecisionRow).filter_by(**inputs)).one()


def decide_again(session: Session, decision: GateDecisionRow) -> Decision:
    """What the gate says today of the stored reports under the stored policy.

    Raises GateChanged for a decision that another version of the gate made.
    """
    if decision.gate_version != GATE_VERSION:
        raise GateChanged(decision.id, made_by=decision.gate_version, this=GATE_VERSION)
    return _decide(
        session,
        decision.candidate_report,
        decision.champion_report,
        decision.anchor_report,
        parse_policy(decision.policy),
    )


def _decide(
    session: Session,
    candidate: EvaluationReportRow,
    champion: EvaluationReportRow,
    anchor: EvaluationReportRow,
    policy: GatePolicy,
) -> Decision:
    items = suite_items(session, candidate.suite_digest)
    judged, reference, first = (
        evidence_of(one, suite_items(session, one.suite_digest)) for one in (candidate, champion, anchor)
    )
    return decide(suite_of(items), judged, reference, first, policy)


def promoted_over(session: Session, version: AdapterVersionRow) -> AdapterVersionRow | None:
    """The version that the gate judged this one against when it was promoted; None if it never was."""
    decision = promoted_by(session, version)
    return decision.champion_report.version if decision else None


def promoted_by(session: Session, version: AdapterVersionRow) -> GateDecisionRow | None:
    """The decision that a version was promoted by; None if it never was."""
    return session.scalar(
        select(GateDecisionRow)
        .join(PromotionRow, PromotionRow.decision_id == GateDecisionRow.id)
        .where(PromotionRow.adapter_version_id == version.id, PromotionRow.kind == PromotionKind.FULL)
        .order_by(PromotionRow.id)
        .limit(1)
    )
