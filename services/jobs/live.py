"""What is live for a persona, when and why: the ledger's word, and all that a version rests on."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from services.adapters import live
from services.adapters.live import LiveAt, Placed
from services.adapters.promotions import find_persona
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, TrainingRunRow
from services.db.session import session_scope
from services.errors.tree import InvalidInput
from services.evaluation.decisions import promoted_by
from services.jobs.installation import now, open_installation

Record = dict[str, Any]


def live_at(session: Session, persona: str, at: datetime) -> LiveAt:
    """Champion and canary of a persona at an instant; raises UnknownPersona, NotYetThere."""
    return live.live_at(session, find_persona(session, persona), at)


def why_live(session: Session, persona: str) -> Record:
    """What serves a persona now and what that rests on; `canary` says the same of one that is open.

    Raises UnknownPersona.
    """
    row = find_persona(session, persona)
    champion, canary = live.live_now(session, row)
    return {
        "persona": row.slug,
        **_rests_on(session, live.as_it_began(session, row, champion)),
        "canary": _rests_on(session, canary) if canary else None,
    }


def tell_live_at(persona: str, instant: str) -> Record:
    """`live_at` for an instant in ISO 8601 with a time zone; raises InvalidInput for another text."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        at = _instant(instant)
        if at > now():
            raise InvalidInput(f"{instant[:60]!r} has not come yet: nobody knows what is live then.")
        found = live_at(session, persona, at)
        return {
            "persona": found.persona,
            "at": found.at.isoformat(),
            **_placed(found.champion),
            "canary": _placed(found.canary) if found.canary else None,
        }


def tell_why_live(persona: str) -> Record:
    with open_installation() as installation, session_scope(installation.engine) as session:
        return why_live(session, persona)


def _placed(placed: Placed) -> Record:
    return {
        "version": placed.version,
        "name": placed.name,
        "share": placed.share,
        "since": placed.since.isoformat() if placed.since else None,
        "kind": placed.kind,
        "decision": placed.decision_id,
        "actor": placed.actor,
        "reason": placed.reason,
        "promotion": placed.promotion_id,
    }


def _rests_on(session: Session, placed: Placed) -> Record:
    """Where a version was put back, its decision is the one that let it serve first."""
    version = session.get_one(AdapterVersionRow, placed.version_id)
    decision = (
        session.get(GateDecisionRow, placed.decision_id)
        if placed.decision_id
        else promoted_by(session, version)
    )
    run = session.get(TrainingRunRow, version.training_run_id) if version.training_run_id else None
    return {
        **_placed(placed),
        "digest": version.digest,
        "provenance": version.provenance,
        "decision": _decided(decision) if decision else None,
        "learnt": _learnt(run) if run else None,
    }


def _decided(decision: GateDecisionRow) -> Record:
    return {
        "id": decision.id,
        "verdict": decision.verdict,
        "gate_version": decision.gate_version,
        "policy_digest": decision.policy_digest,
        "items": len(decision.used),
        "opened": decision.opened,
        "at": decision.created_at.isoformat(),
        "suite": decision.candidate_report.suite_digest,
        "reports": {
            "candidate": decision.candidate_report_id,
            "champion": decision.champion_report_id,
            "anchor": decision.anchor_report_id,
        },
    }


def _learnt(run: TrainingRunRow) -> Record:
    training_set = run.training_set
    return {
        "training_run": run.id,
        "recipe": run.recipe,
        "recipe_digest": run.recipe_digest,
        "starting_digest": run.starting_digest,
        "training_set": training_set.id,
        "set_digest": training_set.digest,
        "cutoff": training_set.cutoff.isoformat(),
        "rows": training_set.row_count,
    }


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            instant = instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the first and the last year have no UTC near their ends
        raise InvalidInput(f"{text[:60]!r} is no instant: write one as 2026-11-20T02:00:00+00:00.") from error
    if instant.tzinfo is None:
        raise InvalidInput(f"{text[:60]!r} has no time zone: add +00:00 for UTC.")
    return instant
