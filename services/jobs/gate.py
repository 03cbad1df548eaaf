"""The gate: the stored decision on a candidate's report against the champion's, by the persona's policy."""

import logging
from typing import TypedDict

from services.db.lineage_tables import EvaluationReportRow
from services.db.session import session_scope
from services.errors.lookups import UnknownRecord
from services.evaluation.decisions import decide_and_store, parse_policy
from services.jobs.installation import now, open_installation

logger = logging.getLogger(__name__)


class Gated(TypedDict):
    decision_id: int
    verdict: str  # PASS, FAIL or INSUFFICIENT


def gate(candidate: int, champion: int) -> Gated:
    """Decide on two reports by id; the same reports and policy again give the same decision."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        report = session.get(EvaluationReportRow, candidate)
        if report is None:
            raise UnknownRecord("evaluation report", candidate)
        decision = decide_and_store(
            session,
            candidate_report=candidate,
            champion_report=champion,
            policy=parse_policy(report.version.persona.gate_policy),
            at=now(),
        )
        for check in decision.checks:
            logger.info("%s %s: %s", check["verdict"], check["metric"], check["reason"])
        return {"decision_id": decision.id, "verdict": decision.verdict}
