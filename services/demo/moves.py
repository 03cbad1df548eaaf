"""How fast a move in the ledger is live: from its row to the first ask accepted under the new version."""

import time
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from services.db.feedback_tables import AnswerRow
from services.db.lineage_tables import PromotionRow
from services.db.session import session_scope
from services.domain.promotions import PromotionKind
from services.errors.tree import DemoFailed

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Move:
    """One ledger row. Milliseconds count from the row's own time, which is taken just before its commit.

    `live_ms` ends when the first ask stamped with the version was accepted, `answered_ms` when its answer
    was there.
    """

    promotion_id: int
    kind: PromotionKind
    version: int
    live_ms: int
    answered_ms: int


def wait_until_live(engine: Engine, promotion_id: int) -> Move:
    """The move once an ask was answered under it, which takes a load of asks; DemoFailed when none is."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with session_scope(engine) as session:
            move = find_move(session, promotion_id)
        if move is not None:
            return move
        time.sleep(0.1)
    raise DemoFailed((f"no ask was answered under ledger row {promotion_id}",))


def find_move(session: Session, promotion_id: int) -> Move | None:
    """The move, or None while no ask was answered under it."""
    row = session.get_one(PromotionRow, promotion_id)
    first = session.scalar(
        select(AnswerRow)
        .where(AnswerRow.adapter_version_id == row.adapter_version_id, AnswerRow.accepted_at >= row.at)
        .order_by(AnswerRow.accepted_at)
        .limit(1)
    )
    if first is None:
        return None
    return Move(
        promotion_id=row.id,
        kind=PromotionKind(row.kind),
        version=row.version.number,
        live_ms=round((first.accepted_at - row.at).total_seconds() * 1000),
        answered_ms=round((first.created_at - row.at).total_seconds() * 1000),
    )
