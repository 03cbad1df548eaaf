"""What became of a version after its training: what the gate said of it, and whether it serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.adapters.live import live_now
from services.adapters.promotions import moves_of
from services.db.decisions import newest_decision_on
from services.db.lineage_tables import AdapterVersionRow
from services.domain.promotions import PromotionKind
from services.evaluation.arms import Noting, sentences_on


@dataclass(frozen=True, slots=True)
class Judged:
    """The newest decision on a version, if any, with its checks as stored, and whom it was set against.

    `notes` say how other arms did on the same items.
    `served_from` is when it first served everyone, `tried_from` when a canary of it first began; None if that
    never was.
    """

    version: int
    decision: int | None
    verdict: str
    champion: int | None
    checks: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    served_from: datetime | None
    serves: bool
    tried_from: datetime | None
    is_tried: bool


def judged(session: Session, version: AdapterVersionRow, *, notes: Noting = sentences_on) -> Judged:
    decision = session.scalar(newest_decision_on(version.id))
    tried, moves = (
        [row for row in moves_of(session, version.id) if (row.kind == PromotionKind.CANARY) is canary]
        for canary in (True, False)
    )
    champion, canary = live_now(session, version.persona)
    return Judged(
        version=version.number,
        decision=decision.id if decision else None,
        verdict=decision.verdict if decision else "",
        champion=decision.champion_report.version.number if decision else None,
        checks=decision.checks if decision else (),
        notes=notes(session, decision) if decision else (),
        served_from=moves[0].at if moves else None,
        serves=champion.version_id == version.id,
        tried_from=tried[0].at if tried else None,
        is_tried=canary is not None and canary.version_id == version.id,
    )
