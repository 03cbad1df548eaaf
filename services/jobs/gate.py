"""The gate: the stored decision on a candidate's report, by its persona's policy, and the same once more."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from services.adapters.promotions import anchor_of
from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow
from services.db.session import session_scope
from services.domain.gate import Decision
from services.errors.lookups import UnknownRecord
from services.errors.refusals import AnchorNotAsked
from services.evaluation.arms import notes_on
from services.evaluation.decisions import decide_again, decide_and_store, parse_policy, promoted_by
from services.evaluation.reports import find_report, report_by_id
from services.jobs.installation import now, open_installation

logger = logging.getLogger(__name__)


class Gated(TypedDict):
    decision_id: int
    verdict: str  # PASS, FAIL or INSUFFICIENT


def gate(candidate: int, champion: int) -> Gated:
    """Decide on reports by id; the same reports and policy again give the same decision.

    The anchor's report is found beside them. Raises UnknownRecord, AnchorNotAsked, ReportsNotComparable.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        report, reference = report_by_id(session, candidate), report_by_id(session, champion)
        decision = decide_and_store(
            session,
            candidate_report=candidate,
            champion_report=champion,
            anchor_report=_anchor(session, report, reference),
            policy=parse_policy(report.version.persona.gate_policy),
            at=now(),
        )
        for check in decision.checks:
            logger.info("%s %s: %s", check["verdict"], _asked(check), check["reason"])
        for note in notes_on(session, decision):
            logger.info("%s", note.sentence)
        return {"decision_id": decision.id, "verdict": decision.verdict}


def _anchor(session: Session, candidate: EvaluationReportRow, champion: EvaluationReportRow) -> int:
    """The report to hold the candidate against besides the champion's; the champion's without an anchor.

    A candidate that was promoted on these two reports keeps the anchor of that day: the task that is retried
    after the promotion finds the decision of its first run.
    """
    made = promoted_by(session, candidate.version)
    if made and (made.candidate_report_id, made.champion_report_id) == (candidate.id, champion.id):
        return made.anchor_report_id
    anchor = anchor_of(session, candidate.version)
    if anchor is None or anchor.id == champion.adapter_version_id:
        return champion.id
    report = find_report(
        session,
        version_id=anchor.id,
        suite_digest=candidate.suite_digest,
        settings_digest=candidate.settings_digest,
    )
    if report is None:
        raise AnchorNotAsked(anchor.number, report_id=candidate.id, version_id=candidate.adapter_version_id)
    return report.id


class Replayed(TypedDict):
    """`differs`: the checks, and what else of the decision, that are not as stored; empty where all are."""

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
        return {
            "decision_id": decision_id,
            "verdict": again.verdict,
            "stored": decision.verdict,
            "differs": list(_differences(again, decision)),
        }


def _differences(again: Decision, stored: GateDecisionRow) -> Iterator[str]:
    checks = [asdict(check) for check in again.checks]
    if len(checks) != len(stored.checks):
        yield f"{len(checks)} checks in the place of {len(stored.checks)}"
    else:
        yield from (_asked(one) for one, was in zip(checks, stored.checks, strict=True) if one != was)
    if again.opened != stored.opened:
        yield "whether the sealed items were opened"
    if list(again.used) != stored.used:
        yield "the items it rests on"


def _asked(check: Mapping[str, Any]) -> str:
    """What a check asks, in a few words: metric, slice and against whom."""
    against = "" if check["against"] is None else f" against version {check['against']}"
    return f"{check['metric']} ({check['slice']}){against}"
