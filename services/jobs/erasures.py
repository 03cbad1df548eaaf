"""Reading what became of requests to erase a rater: when, what was found and done, and who serves now."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promotions import find_persona, moves_of, who_serves
from services.db.erasure_tables import ErasureRow
from services.db.session import session_scope
from services.errors.lookups import UnknownErasure
from services.jobs.installation import open_installation
from services.jobs.raters import parse_rater

Record = dict[str, Any]


def listed() -> list[Record]:
    """Every erasure, newest first."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        rows = session.scalars(select(ErasureRow).order_by(ErasureRow.id.desc()))
        return [_told(row) for row in rows]


def of_rater(rater: str) -> Record:
    """The erasure of one rater with what was found, and who serves each persona now and why.

    Raises UnknownRater for what is no id, UnknownErasure.
    """
    with open_installation() as installation, session_scope(installation.engine) as session:
        return of_rater_in(session, rater)


def of_rater_in(session: Session, rater: str) -> Record:
    """As `of_rater`, in a given session."""
    row = session.scalar(select(ErasureRow).where(ErasureRow.rater_id == parse_rater(rater)))
    if row is None:
        raise UnknownErasure(rater)
    found = row.found
    personas = [one | _serving(session, one["persona"]) for one in found.get("personas", ())]
    return _told(row) | {"found": found | {"personas": personas}}


def _told(row: ErasureRow) -> Record:
    return {
        "erasure": row.id,
        "rater": str(row.rater_id),
        "actor": row.actor,
        "reason": row.reason,
        "begun_at": row.begun_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
    }


def _serving(session: Session, slug: str) -> Record:
    serving = who_serves(session, find_persona(session, slug))
    moves = moves_of(session, serving.version_id)
    return {"serves": serving.number, "because": moves[-1].reason if moves else "nothing was promoted yet"}
