"""When a person must be alerted: each condition as it is at an instant, read from database and disk."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from services.domain.alerts import AlertKind, Raised
from services.jobs.canaries import ACTOR as WATCH
from services.settings import Settings

_UNPROMOTED = text("""
    SELECT p.slug, coalesce(max(m.at), p.created_at) AS since
    FROM personas p LEFT JOIN promotions m ON m.persona_id = p.id AND m.kind IN ('full', 'canary')
    WHERE p.state = 'active'
    GROUP BY p.id HAVING coalesce(max(m.at), p.created_at) < :before
""")
# Of each version the newest decision, and of each persona the versions decided on last.
_FAILING = text("""
    WITH newest AS (
        SELECT DISTINCT ON (v.id) v.persona_id, d.id, d.verdict
        FROM gate_decisions d
        JOIN evaluation_reports r ON r.id = d.candidate_report_id
        JOIN adapter_versions v ON v.id = r.adapter_version_id
        ORDER BY v.id, d.id DESC
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY persona_id ORDER BY id DESC) AS place FROM newest
    )
    SELECT p.slug, max(ranked.id) AS decision FROM ranked JOIN personas p ON p.id = ranked.persona_id
    WHERE place <= :nights GROUP BY p.slug
    HAVING count(*) = :nights AND bool_and(verdict = 'FAIL')
""")
_ROLLED_BACK = text("""
    SELECT DISTINCT ON (m.persona_id) p.slug, m.id, m.kind, m.actor, m.reason
    FROM promotions m JOIN personas p ON p.id = m.persona_id ORDER BY m.persona_id, m.id DESC
""")
_UNSOUND = text("""
    SELECT name, unsound_reason FROM adapter_versions
    WHERE unsound_at IS NOT NULL AND removed_at IS NULL
""")


_OPEN = text("SELECT 1 FROM alerts WHERE kind = :kind AND subject = :subject AND over_at IS NULL")
_ROOM = 1.2  # times what is asked for, until a store is no longer nearly full


def raised(session: Session, settings: Settings, *, at: datetime) -> Iterator[Raised]:
    """Everything that holds now."""
    yield from _no_promotion(session, days=settings.alert_promotion_days, at=at)
    yield from _gate_fails(session, nights=settings.alert_failing_nights)
    yield from _ratings_stopped(session, days=settings.alert_rating_days, at=at)
    yield from _nearly_full(session, settings)
    yield from _rolled_back(session)
    for row in _rows(session, _UNSOUND):
        sentence = f"{row.name} is not served: {row.unsound_reason}."
        yield Raised(AlertKind.VERSION_UNSOUND, row.name, sentence)


def _no_promotion(session: Session, *, days: int, at: datetime) -> Iterator[Raised]:
    for row in _rows(session, _UNPROMOTED, before=at - timedelta(days=days)):
        sentence = f"No version of {row.slug} was promoted or tried in a canary since {row.since:%Y-%m-%d}."
        yield Raised(AlertKind.NO_PROMOTION, row.slug, sentence)


def _gate_fails(session: Session, *, nights: int) -> Iterator[Raised]:
    for row in _rows(session, _FAILING, nights=nights):
        sentence = (
            f"The gate said FAIL to the last {nights} versions of {row.slug}: see decision {row.decision}."
        )
        yield Raised(AlertKind.GATE_FAILS, row.slug, sentence)


def _ratings_stopped(session: Session, *, days: int, at: datetime) -> Iterator[Raised]:
    """Where nobody ever rated nothing has stopped."""
    newest: datetime | None = session.scalar(text("SELECT max(created_at) FROM ratings"))
    if newest is not None and newest < at - timedelta(days=days):
        sentence = f"Nobody has rated an answer since {newest:%Y-%m-%d %H:%M} UTC."
        yield Raised(AlertKind.RATINGS_STOPPED, "ratings", sentence)


def _nearly_full(session: Session, settings: Settings) -> Iterator[Raised]:
    """Of a store on this machine; an object store has no end to come near to.

    It is over only with some more room than it began with: what comes and goes would open and end it all day.
    """
    filesystem, root = fsspec.core.url_to_fs(settings.store_url)
    if not isinstance(filesystem, LocalFileSystem) or not Path(root).exists():
        return
    disk = shutil.disk_usage(root)
    known = session.scalar(_OPEN, {"kind": AlertKind.STORE_NEARLY_FULL, "subject": settings.store_url})
    if disk.free * 100 < settings.alert_free_percent * (_ROOM if known else 1) * disk.total:
        sentence = (
            f"The disk of the adapter store has {disk.free / 2**30:.1f} of {disk.total / 2**30:.1f} GiB left."
        )
        yield Raised(AlertKind.STORE_NEARLY_FULL, settings.store_url, sentence)


def _rolled_back(session: Session) -> Iterator[Raised]:
    """Until the persona's next move."""
    for row in _rows(session, _ROLLED_BACK):
        if row.kind == "rollback" and row.actor == WATCH:
            sentence = f"The canary of {row.slug} was taken back: {row.reason}"
            yield Raised(AlertKind.CANARY_ROLLED_BACK, f"{row.slug}, move {row.id}", sentence)


def _rows(session: Session, query: TextClause, **values: object) -> list[Any]:
    return list(session.execute(query, values))
