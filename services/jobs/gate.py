"""The gate: the stored decision on a candidate's report, by its persona's policy, and the same once more."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypedDict

from sqlalchemy.orm import Session

from services.adapters.promotions import anchor_of, find_persona
from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow
from services.db.session import session_scope
from services.domain.gate import Decision
from services.domain.outlook import Outlook
from services.domain.wear import WORN_AFTER
from services.errors.lookups import UnknownRecord
from services.errors.refusals import AnchorNotAsked, NothingToJudge
from services.evaluation.arms import sentences_on
from services.evaluation.decisions import decide_again, decide_and_store, parse_policy, promoted_by
from services.evaluation.reports import find_report, report_by_id
from services.evaluation.suites import newest_own_items
from services.evaluation.uses import decisions_on, uses_of
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
            store_url=installation.settings.store_url,
            at=now(),
        )
        for check in decision.checks:
            logger.info("%s %s: %s", check["verdict"], _asked(check), check["reason"])
        for sentence in sentences_on(session, decision):
            logger.info("%s", sentence)
        if decision.outlook:
            logger.info("%s", Outlook(**decision.outlook))
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
    """`differs`: the checks, and what else of the decision, that are not as stored; empty where all are.

    `evidence`: the SHA-256 (hex) of the file it was made again from, None where the stored reports were read.
    """

    decision_id: int
    verdict: str
    stored: str
    evidence: str | None
    differs: list[str]


def replay(decision_id: int) -> Replayed:
    """What the gate says today of a decision's evidence; nothing is asked and nothing is stored.

    Raises UnknownRecord, GateChanged, Redacted, FrozenFileCorrupt.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        decision = session.get(GateDecisionRow, decision_id)
        if decision is None:
            raise UnknownRecord("gate decision", decision_id)
        again = decide_again(session, decision, store_url=installation.settings.store_url)
        return {
            "decision_id": decision_id,
            "verdict": again.decision.verdict,
            "stored": decision.verdict,
            "evidence": decision.evidence_digest,
            "differs": [f"the {name}" for name in again.unbound]
            + list(_differences(again.decision, decision)),
        }


class Uses(TypedDict):
    """How worn a persona's held-out items are; `most` is how often the most used one was."""

    items: int
    sealed: int
    decisions: int
    most: int
    worn: int
    worn_after: int


def uses(persona: str) -> Uses:
    """Of the items of its newest suite, the frozen suites aside. Raises UnknownPersona, NothingToJudge."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = find_persona(session, persona)
        items = newest_own_items(session, row)
        if not items:
            raise NothingToJudge(persona)
        used = uses_of(session, row, until=now())
        counts = [used.get(item.key, 0) for item in items]
        return {
            "items": len(items),
            "sealed": sum(item.is_sealed for item in items),
            "decisions": decisions_on(session, row),
            "most": max(counts),
            "worn": sum(count >= WORN_AFTER for count in counts),
            "worn_after": WORN_AFTER,
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
