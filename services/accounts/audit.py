"""The audit log: every administrative act, by whom, to what, in the order they were done."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.db.account_tables import AuditEntryRow
from services.db.base import JsonObject

CHANGED_POLICIES = "change policies"  # its details have two values each: what held before, and what holds now


def record(
    session: Session, act: str, subject: str, *, actor: str, at: datetime, details: JsonObject | None = None
) -> None:
    """In the transaction of the act itself: neither is there without the other."""
    session.add(AuditEntryRow(at=at, actor=actor, act=act, subject=subject, details=details or {}))


def recorded(session: Session, act: str, subject: str, details: JsonObject) -> bool:
    """Whether this was recorded before, with these details among its own."""
    return bool(
        session.scalar(
            select(AuditEntryRow.id)
            .where(
                AuditEntryRow.act == act,
                AuditEntryRow.subject == subject,
                AuditEntryRow.details.contains(details),
            )
            .limit(1)
        )
    )


def on(session: Session, subject: str, *, limit: int) -> Sequence[AuditEntryRow]:
    """What was done to a subject last, the newest first."""
    chosen = select(AuditEntryRow).where(AuditEntryRow.subject == subject)
    return session.scalars(chosen.order_by(AuditEntryRow.id.desc()).limit(limit)).all()


def newest(session: Session, *, limit: int, before: int | None = None) -> Sequence[AuditEntryRow]:
    """The newest entries first, those older than entry `before` where it is given."""
    chosen = select(AuditEntryRow).order_by(AuditEntryRow.id.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(AuditEntryRow.id < before)
    return session.scalars(chosen).all()


def in_words(act: str, details: JsonObject) -> dict[str, str]:
    """The details of an entry for people: both values of what was changed, lists as one reads them."""
    between = " → " if act == CHANGED_POLICIES else ", "
    return {name: _words(value, between) for name, value in sorted(details.items())}


def _words(value: object, between: str) -> str:
    match value:
        case list():
            return between.join(_words(one, ", ") for one in value)
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
    return str(value)
