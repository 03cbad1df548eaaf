"""The audit log: every administrative act, by whom, to what, in the order they were done."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.account_tables import AuditEntryRow
from services.db.base import JsonObject


def record(
    session: Session, act: str, subject: str, *, actor: str, at: datetime, details: JsonObject | None = None
) -> None:
    """In the transaction of the act itself: neither is there without the other."""
    session.add(AuditEntryRow(at=at, actor=actor, act=act, subject=subject, details=details or {}))


def newest(session: Session, *, limit: int, before: int | None = None) -> Sequence[AuditEntryRow]:
    """The newest entries first, those older than entry `before` where it is given."""
    chosen = select(AuditEntryRow).order_by(AuditEntryRow.id.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(AuditEntryRow.id < before)
    return session.scalars(chosen).all()
