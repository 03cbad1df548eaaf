"""The gate: the stored decision on a candidate's report against the champion's, by the persona's policy."""

import logging
from dataclasses import asdict
from typing import Any, TypedDict

from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow
from services.db.session import session_scope
from services.errors.lookups import UnknownRecord
from services.evaluation.decisions import decide_again, decide_and_store, parse_policy
from services.jobs.installation import now, open_installation

logger = logging.getLogger(__name__)


class Gated(TypedDict):
    decision_id: int
    verdict: str  # PASS, FAIL or INSUFFICIENT


def gate(candidate: int, champion: int, anchor: int | None = None) -> Gated:
    """Decide on reports by id; the same reports and policy again give the same decision.

    Without an anchor's report the champion is the anchor.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        report = session.get(EvaluationReportRow, candidate)
        if report is None:
            raise UnknownRecord("evaluation report", candidate)
        decision = decide_and_store(
            session,
            candidate_report=candidate,
            champion_report=champion,
            anchor_report=anchor,
            policy=parse_policy(report.version.persona.gate_policy),
            at=now(),
        )
        for check in decision.checks:
            logger.info("%s %s: %s", check["verdict"], check["metric"], check["reason"])
        return {"decision_id": decision.id, "verdict": decision.verdict}


class Replayed(TypedDict):
    """`differs` are the checks, by metric and slice, that are not what was stored; empty where all are."""

    decision_id: int
    verdict: str
    stored: str
    differs: list[str]


def replay(decision_id: int) -> Replayed:
    """What the gate says today of what a decision rests on; nothing is asked and nothing is stored.

    Raises UnknownRecord, GateChanged.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        decision = session.get(GateDecisionRow, decision_id)
        if decision is None:
            raise UnknownRecord("gate decision", decision_id)
        again = decide_again(session, decision)
        checks = [asdict(check) for check in again.checks]
        return {
            "decision_id": decision_id,
            "verdict": again.verdict,
            "stored": decision.verdict,
            "differs": _different(checks, decision.checks),
        }


def _different(ours: list[dict[str, Any]], stored: list[dict[str, Any]]) -> list[str]:
    if len(ours) != len(stored):
        return [f"{len(ours)} checks in the place of {len(stored)}"]
    return [f"{one['metric']} ({one['slice']})" for one, was in zip(ours, stored, strict=True) if one != was]
