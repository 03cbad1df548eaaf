"""Alerts, from when something begins to hold until it is over: told once, and once when it is over."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.db.advisory_locks import Space, lock_alone
from services.db.alert_tables import AlertRow
from services.db.session import session_scope
from services.jobs.alert_conditions import raised
from services.jobs.installation import Installation, now, open_installation
from services.operations.alert_channels import AlertChannel, NotDelivered, channels

logger = logging.getLogger(__name__)

Record = dict[str, Any]


def look() -> list[Record]:
    """Look at every condition, tell what is new or over, and give what is open."""
    with open_installation() as installation:
        return look_with(installation, channels(installation.settings), at=now())


def look_with(installation: Installation, told_by: Sequence[AlertChannel], *, at: datetime) -> list[Record]:
    """As `look`, in a given installation. What a channel does not take is tried again the next time."""
    with session_scope(installation.engine) as session:
        lock_alone(session, Space.ALERTS)  # one looks at a time
        _keep(session, installation, at=at)
    for number in _untold(installation, told_by):
        with session_scope(installation.engine) as session:
            row = session.get_one(AlertRow, number, with_for_update=True)
            for channel in told_by:
                _tell(row, channel)
    with session_scope(installation.engine) as session:
        return opened_in(session)


def opened() -> list[Record]:
    """What is open, as it was when somebody last looked; the oldest first."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        return opened_in(session)


def opened_in(session: Session) -> list[Record]:
    """As `opened`, in a given session."""
    rows = session.scalars(select(AlertRow).where(AlertRow.over_at.is_(None)).order_by(AlertRow.id))
    return [
        {
            "alert": row.kind,
            "of": row.subject,
            "since": row.opened_at.isoformat(timespec="minutes"),
            "told by": ", ".join(row.told_open),
            "what": row.sentence,
        }
        for row in rows
    ]


def _keep(session: Session, installation: Installation, *, at: datetime) -> None:
    holds = {(one.kind.value, one.subject): one for one in raised(session, installation.settings, at=at)}
    open_ones = session.scalars(select(AlertRow).where(AlertRow.over_at.is_(None))).all()
    for row in open_ones:
        if holds.pop((row.kind, row.subject), None) is None:
            row.over_at = at
            logger.info("over: %s", row.sentence)
    for one in holds.values():
        logger.warning("%s: %s", one.kind, one.sentence)
        session.add(
            AlertRow(
                kind=one.kind,
                subject=one.subject,
                sentence=one.sentence,
                opened_at=at,
                told_open=[],
                told_over=[],
            )
        )


def _untold(installation: Installation, told_by: Sequence[AlertChannel]) -> list[int]:
    names = [channel.name for channel in told_by]
    with session_scope(installation.engine) as session:
        rows = session.scalars(
            select(AlertRow)
            .where(or_(AlertRow.over_at.is_(None), AlertRow.told_open != AlertRow.told_over))
            .order_by(AlertRow.id)
        )
        return [row.id for row in rows if any(_due(row, name) for name in names)]


def _due(row: AlertRow, channel: str) -> bool:
    """What was over before it could be told is told no more; of what was told, people hear the end."""
    if row.over_at is None:
        return channel not in row.told_open
    return channel in row.told_open and channel not in row.told_over


def _tell(row: AlertRow, channel: AlertChannel) -> None:
    """Under the row's lock, so that two who look do not tell it twice."""
    if not _due(row, channel.name):
        return
    over = row.over_at is not None
    facts = {"alert": row.kind, "of": row.subject, "state": "over" if over else "open"}
    facts |= {"since": row.opened_at.isoformat()} | (
        {"until": row.over_at.isoformat()} if row.over_at else {}
    )
    title = f"persona-loop: {row.kind}{' is over' if over else ''}"
    try:
        channel.send(title, row.sentence, facts)
    except NotDelivered as problem:
        logger.warning("alert %d is not told (%s): it is tried again", row.id, problem)
        return
    if over:
        row.told_over = [*row.told_over, channel.name]
    else:
        row.told_open = [*row.told_open, channel.name]
