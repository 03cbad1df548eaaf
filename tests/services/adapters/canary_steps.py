"""A canary's beginning and what a watch would write down of it, for tests."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from services.adapters.canaries import keep_look
from services.adapters.promoting import start_canary
from services.db.lineage_tables import GateDecisionRow, PromotionRow
from services.domain.canaries import CanaryPolicy, CanaryVerdict, judge_canary
from services.domain.personas import PersonaSlug
from tests.builders import AT

PIRATE = PersonaSlug("pirate")
HOUR = timedelta(hours=1)


def begin(session: Session, decision: GateDecisionRow, *, hours: float = 0) -> PromotionRow:
    return start_canary(
        session, decision_id=decision.id, share=0.2, actor="me", reason="let us see", at=AT + hours * HOUR
    )


def look(session: Session, canary: PromotionRow, verdict: CanaryVerdict) -> None:
    """What a watch would have written down."""
    keep_look(session, canary.id, replace(judge_canary((), CanaryPolicy()), verdict=verdict), at=AT)
