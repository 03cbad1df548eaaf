"""Gate decisions in PostgreSQL: made once per (reports, policy, version of the gate), with their evidence."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.adapters.freezing import EVIDENCE, Frozen, freeze, thaw
from services.db.erasing_lock import hold_erasures
from services.db.lineage_tables import (
    AdapterVersionRow,
    EvaluationReportRow,
    GateDecisionRow,
    PromotionRow,
    TrainingRunRow,
)
from services.domain.arms import ONCE_MORE
from services.domain.gate import GATE_VERSION, Decision, decide
from services.domain.gate_policy import GatePolicy, RebasePolicy, Requirement
from services.domain.noise import decoder_noise
from services.domain.outlook import Outlook, outlook
from services.domain.promotions import PromotionKind
from services.domain.training import digest_of
from services.errors.inputs import InvalidPolicy
from services.errors.refusals import GateChanged, Redacted
from services.evaluation.arrivals import arrivals
from services.evaluation.evidence import evidence_of, suite_of
from services.evaluation.evidence_file import Case, read_case, write_case
from services.evaluation.reports import find_report, version_report
from services.evaluation.suites import suite_items


def parse_policy(record: dict[str, Any]) -> GatePolicy:
    """A persona's policy, stored or uploaded; InvalidPolicy says what is wrong with it."""
    return _parse(record, GatePolicy)


def policy_decided_by(record: dict[str, Any]) -> GatePolicy:
    """The policy of a stored decision, which may be one on a rebase."""
    return _parse(record, RebasePolicy if "rebased_from" in record else GatePolicy)


def _parse(record: dict[str, Any], kind: type[GatePolicy]) -> GatePolicy:
    if not isinstance(record, dict):
        raise InvalidPolicy("the gate's rules must be a JSON object.")
    if not isinstance(record.get("target", ""), str):
        raise InvalidPolicy("target must be the name of a metric.")
    try:
        requirements = tuple(Requirement(**requirement) for requirement in record["requirements"])
        return kind(**{**record, "requirements": requirements})
    except (KeyError, TypeError) as error:
        raise InvalidPolicy(f"it does not have the expected shape ({error}).") from error


def decide_and_store(
    session: Session,
    *,
    candidate_report: int,
    champion_report: int,
    anchor_report: int,
    policy: GatePolicy,
    store_url: str,
    at: datetime,
) -> GateDecisionRow:
    """The decision on these reports under this policy: the stored one, or a new one with its evidence.

    Raises UnknownRecord, ReportsNotComparable, Redacted.
    """
    hold_erasures(session)
    candidate, champion, anchor = (
        version_report(session, one) for one in (candidate_report, champion_report, anchor_report)
    )
    record = asdict(policy)
    inputs = {
        "candidate_report_id": candidate_report,
        "champion_report_id": champion_report,
        "anchor_report_id": anchor_report,
        "policy_digest": digest_of(record),
        "gate_version": GATE_VERSION,
    }
    stored = select(GateDecisionRow).filter_by(**inputs)
    if (made := session.scalar(stored)) is not None:
        return made
    case = _case(session, candidate, champion, anchor, policy)
    decision = _decide(case)
    evidence = _freeze(case, decision, store_url)  # the file before the row that names it
    wait = outlook(decision.checks, arrivals(session, candidate, case, decision))
    values = inputs | _columns(decision, wait, evidence) | {"policy": record, "created_at": at}
    session.execute(
        insert(GateDecisionRow).values(**values).on_conflict_do_nothing(constraint="gate_decisions_inputs_uq")
    )
    return session.scalars(stored).one()


def _columns(decision: Decision, wait: Outlook | None, evidence: Frozen) -> dict[str, Any]:
    """What a row keeps of a decision, by column."""
    return {
        "verdict": decision.verdict,
        "checks": [asdict(check) for check in decision.checks],
        "used": list(decision.used),
        "opened": decision.opened,
        "outlook": asdict(wait) if wait else None,
        "evidence_path": evidence.path,
        "evidence_digest": evidence.digest,
    }


@dataclass(frozen=True, slots=True)
class Again:
    """A decision made again. `unbound` names what the evidence speaks of and is not what is stored now."""

    decision: Decision
    unbound: tuple[str, ...]


def decide_again(session: Session, decision: GateDecisionRow, *, store_url: str) -> Again:
    """What the gate says today of a decision's evidence, of the stored reports where it has no file.

    Raises GateChanged for a decision that another version of the gate made, Redacted for one that rests on
    texts of a rater who was erased, FrozenFileCorrupt.
    """
    if decision.redacted_at is not None:
        raise Redacted("gate decision", decision.id)
    if decision.gate_version != GATE_VERSION:
        raise GateChanged(decision.id, made_by=decision.gate_version, this=GATE_VERSION)
    policy = policy_decided_by(decision.policy)
    reports = decision.candidate_report, decision.champion_report, decision.anchor_report
    if decision.evidence_path is None or decision.evidence_digest is None:
        return Again(_decide(_case(session, *reports, policy)), ())
    with TemporaryDirectory(prefix="evidence-") as folder:
        digest = decision.evidence_digest
        case = read_case(thaw(store_url, decision.evidence_path, digest=digest, into=Path(folder)), policy)
    stored = bound_to(session, *reports)
    names = sorted(case.bound.keys() | stored.keys())
    unbound = tuple(name for name in names if case.bound.get(name) != stored.get(name))
    return Again(_decide(case), unbound)


def bound_to(
    session: Session,
    candidate: EvaluationReportRow,
    champion: EvaluationReportRow,
    anchor: EvaluationReportRow,
) -> dict[str, str]:
    """SHA-256 (hex) of everything that a decision on these reports rests on, by what it is of."""
    version = candidate.version
    run = session.get(TrainingRunRow, version.training_run_id) if version.training_run_id else None
    learnt = {"recipe": run.recipe_digest, "training set": run.training_set.digest} if run else {}
    return learnt | {
        "adapter": version.digest or "",
        "base": str(version.provenance.get("base_digest", "")),
        "suite": candidate.suite_digest,
        "candidate's report": digest_of(candidate.items),
        "champion's report": digest_of(champion.items),
        "anchor's report": digest_of(anchor.items),
    }


def _case(
    session: Session,
    candidate: EvaluationReportRow,
    champion: EvaluationReportRow,
    anchor: EvaluationReportRow,
    policy: GatePolicy,
) -> Case:
    reports = candidate, champion, anchor
    judged, reference, first = (evidence_of(one, suite_items(session, one.suite_digest)) for one in reports)
    asked = suite_items(session, candidate.suite_digest)
    if (again := _asked_once_more(session, candidate)) is not None:
        judged = replace(judged, noise=decoder_noise(judged, evidence_of(again, asked)))
    return Case(bound_to(session, *reports), policy, suite_of(asked), judged, reference, first)


def _asked_once_more(session: Session, report: EvaluationReportRow) -> EvaluationReportRow | None:
    return find_report(
        session,
        version_id=report.adapter_version_id,
        suite_digest=report.suite_digest,
        settings_digest=report.settings_digest,
        arm=ONCE_MORE,
    )


def _decide(case: Case) -> Decision:
    return decide(case.items, case.candidate, case.champion, case.anchor, case.policy)


def _freeze(case: Case, decision: Decision, store_url: str) -> Frozen:
    with TemporaryDirectory(prefix="evidence-") as folder:
        file = Path(folder) / "evidence.jsonl"
        write_case(case, decision, file)
        return freeze(store_url, file, folder=EVIDENCE)


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
