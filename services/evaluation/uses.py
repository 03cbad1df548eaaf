"""The ledger of held-out items: how many of a persona's decisions rested on each."""

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow


def uses_of(session: Session, persona: PersonaRow, *, until: datetime) -> dict[str, int]:
    """Decisions by the key of an item, of those made by then."""
    made = _decisions(persona).where(GateDecisionRow.created_at <= until)
    # A held-out question that is in the bank too has one key, and two items in a decision.
    used = (
        made.with_only_columns(GateDecisionRow.id, func.unnest(GateDecisionRow.used).label("key"))
        .distinct()
        .subquery()
    )
    rows = session.execute(select(used.c.key, func.count()).group_by(used.c.key))
    return {row[0]: row[1] for row in rows}


def decisions_on(session: Session, persona: PersonaRow) -> int:
    """How many decisions were made on candidates of a persona."""
    return session.scalar(_decisions(persona).with_only_columns(func.count())) or 0


def _decisions(persona: PersonaRow) -> Select[GateDecisionRow]:
    return (
        select(GateDecisionRow)
        .join(EvaluationReportRow, EvaluationReportRow.id == GateDecisionRow.candidate_report_id)
        .join(AdapterVersionRow, AdapterVersionRow.id == EvaluationReportRow.adapter_version_id)
        .where(AdapterVersionRow.persona_id == persona.id)
    )
