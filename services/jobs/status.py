"""Reading the state of the loop for people and scripts: personas, versions, ledger, decisions, reports."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from services.adapters.live import live_now
from services.adapters.promotions import find_persona
from services.db.decisions import newest_decision_on, own_report_of
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import (
    AdapterVersionRow,
    EvaluationReportRow,
    GateDecisionRow,
    PromotionRow,
    TrainingRunRow,
    TrainingSetRow,
)
from services.db.session import session_scope
from services.domain.evaluation import METRICS, OVERALL
from services.domain.outlook import Outlook
from services.domain.promotions import BASE_VERSION
from services.errors.lookups import UnknownRecord
from services.evaluation.arms import sentences_on
from services.evaluation.conclusions import meaning, next_step, waits_for_approval
from services.evaluation.reports import report_by_id
from services.feedback.queries import feedback_counts
from services.feedback.routes import routes_of
from services.jobs.installation import now, open_installation
from services.training.watching import held_runs, state_of
from services.training_sets.conditions import of_everyone

Record = dict[str, Any]


def personas() -> list[Record]:
    """Every persona with who serves it, its newest training set, and what that led to.

    `run` is the newest on that set, `version` what came of the run and `decision` the newest on that version;
    each is None where it has not come to that. `judged` is the persona's newest decision, of whatever
    version: it stands where a later set came to none.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        return personas_in(session)


def personas_in(session: Session) -> list[Record]:
    """As `personas`, in a given session."""
    return [_persona(session, row) for row in session.scalars(select(PersonaRow).order_by(PersonaRow.slug))]


def totals() -> Record:
    """Answers, ratings and corrections in all."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return feedback_counts(session)


def versions(slug: str) -> list[Record]:
    """Every version of a persona, newest first, with its overall metrics in its own night."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        persona = find_persona(session, slug)
        champion, canary = live_now(session, persona)
        rows = session.scalars(
            select(AdapterVersionRow)
            .where(AdapterVersionRow.persona_id == persona.id)
            .order_by(AdapterVersionRow.number.desc())
        )
        return [
            {
                "version": row.number,
                "name": row.name,
                "id": row.id,
                "serves": row.id == champion.version_id,
                "canary": canary is not None and row.id == canary.version_id,
                "created_at": row.created_at.isoformat(),
                "unsound": row.unsound_reason,
                "removed_at": row.removed_at.isoformat() if row.removed_at else None,
                "tainted": row.tainted_reason,
                **_overall(session, row.id),
            }
            for row in rows
        ]


def ledger(slug: str) -> list[Record]:
    """The persona's promotions, newest first; `share` of the conversations, which only a canary has."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return [
            {
                "id": row.id,
                "at": row.at.isoformat(),
                "kind": row.kind,
                "share": row.share,
                "version": row.version.number,
                "name": row.version.name,
                "decision": row.decision_id,
                "actor": row.actor,
                "reason": row.reason,
            }
            for row in ledger_rows(session, find_persona(session, slug))
        ]


def ledger_rows(session: Session, persona: PersonaRow, *, limit: int | None = None) -> Sequence[PromotionRow]:
    """The rows of a persona's ledger with their versions, newest first."""
    return session.scalars(
        select(PromotionRow)
        .join(PromotionRow.version)
        .options(contains_eager(PromotionRow.version))
        .where(PromotionRow.persona_id == persona.id)
        .order_by(PromotionRow.id.desc())
        .limit(limit)
    ).all()


def decision(decision_id: int) -> Record:
    """One gate decision with its checks; `items` it rests on, the sealed ones among them if `opened`."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = session.get(GateDecisionRow, decision_id)
        if row is None:
            raise UnknownRecord("gate decision", decision_id)
        return {
            "decision_id": row.id,
            "verdict": row.verdict,
            "version": row.candidate_report.version.number,
            "champion": row.champion_report.version.number,
            "anchor": row.anchor_report.version.number,
            "items": len(row.used),
            "opened": row.opened,
            "gate_version": row.gate_version,
            "meaning": meaning(row),
            "waits_for_approval": waits_for_approval(session, row),
            "next_step": next_step(session, row, at=now()),
            "outlook": str(Outlook(**row.outlook)) if row.outlook else None,
            "evidence": row.evidence_digest,
            "redacted_at": row.redacted_at.isoformat() if row.redacted_at else None,
            "checks": row.checks,
            "notes": list(sentences_on(session, row)),
        }


def check_rows(checks: list[Record]) -> list[Record]:
    """The checks of a decision for people, what matters first; the reasons say what was required."""
    return [
        {
            "verdict": check["verdict"],
            "metric": check["metric"],
            "of": "" if check["slice"] == OVERALL else check["slice"],
            "against": _against(check["against"]),
            "measured": check["measured"],
            "theirs": check["reference"],
            "items": check["items"],
            "reason": check["reason"],
        }
        for check in checks
    ]


def metrics() -> list[Record]:
    """What is measured; `gate`: whether a policy may require it."""
    return [
        {
            "metric": metric.name,
            "version": metric.version,
            "better": "higher" if metric.higher_is_better else "lower",
            "gate": metric.of_items,
            "defined": metric.citation,
        }
        for metric in METRICS.values()
    ]


def report(report_id: int) -> Record:
    """One evaluation report: its metrics and every item."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        row = report_by_id(session, report_id)
        return {
            "report_id": row.id,
            "version": row.version.number,
            "arm": row.arm,
            "suite": row.suite_digest,
            "metrics": row.metrics,
            "items": row.items,
        }


def _against(version: int | None) -> str:
    if version is None:
        return ""
    return "base" if version == BASE_VERSION else f"v{version}"


def _persona(session: Session, row: PersonaRow) -> Record:
    champion, canary = live_now(session, row)
    newest_set = session.scalar(
        select(TrainingSetRow)
        .where(TrainingSetRow.persona_id == row.id, of_everyone())
        .order_by(TrainingSetRow.id.desc())
        .limit(1)
    )
    run = _newest_run(session, newest_set) if newest_set else None
    version = _version_of(session, run) if run else None
    decided = session.scalar(newest_decision_on(version.id)) if version else None
    return {
        "persona": row.slug,
        "name": row.display_name,
        "answers": row.answer_format,
        "routes": {wanted.value: target.slug for wanted, target in routes_of(session, row).items()},
        "serves": champion.version,
        "served_name": champion.name,
        "canary": canary.version if canary else None,
        "canary_share": canary.share if canary else None,
        "training_set": newest_set.id if newest_set else None,
        "rows": newest_set.row_count if newest_set else None,
        "run": state_of(run, held_runs(session)) if run else None,
        "progress": f"{run.step}/{run.total_steps}" if run else None,
        "version": version.number if version else None,
        "decision": decided.id if decided else None,
        "verdict": decided.verdict if decided else None,
        "judged": _newest_judgement(session, row),
    }


def _newest_judgement(session: Session, persona: PersonaRow) -> Record | None:
    decided = session.scalar(
        select(GateDecisionRow)
        .join(GateDecisionRow.candidate_report)
        .join(EvaluationReportRow.version)
        .where(AdapterVersionRow.persona_id == persona.id)
        .order_by(GateDecisionRow.id.desc())
        .limit(1)
    )
    if decided is None:
        return None
    number = decided.candidate_report.version.number
    return {"decision": decided.id, "version": number, "verdict": decided.verdict}


def _newest_run(session: Session, training_set: TrainingSetRow) -> TrainingRunRow | None:
    return session.scalar(
        select(TrainingRunRow)
        .where(TrainingRunRow.training_set_id == training_set.id)
        .order_by(TrainingRunRow.id.desc())
        .limit(1)
    )


def _version_of(session: Session, run: TrainingRunRow) -> AdapterVersionRow | None:
    return session.scalar(select(AdapterVersionRow).where(AdapterVersionRow.training_run_id == run.id))


def _overall(session: Session, version_id: int) -> Record:
    """Overall metrics of a version in its own night; nothing where it was never evaluated."""
    own = session.scalar(own_report_of(version_id))
    if own is None:
        return {}
    return {metric["name"]: metric["value"] for metric in own.metrics if metric["slice"] == OVERALL}
