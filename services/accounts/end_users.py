"""The people behind a client, whom it names by ids of its own: each is a rater of ours, and of nobody else's.

What the ids mean is the client's; here they are never looked into.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.client_tables import EndUserRow
from services.db.feedback_tables import RaterRow
from services.domain.feedback import RaterId


def find_end_user(session: Session, client_id: int, name: str) -> RaterId | None:
    """The rater whom this client named so before."""
    found = session.scalar(select(EndUserRow.rater_id).filter_by(client_id=client_id, name=name))
    return RaterId(found) if found else None


def ensure_end_user(session: Session, client_id: int, name: str, *, at: datetime) -> RaterId:
    """The rater whom this client names so, from now on where it did not before.

    Waits for another transaction that is just storing the same, since only one of them can.
    """
    known = find_end_user(session, client_id, name)
    if known is not None:
        return known
    fresh = RaterRow(created_at=at)
    session.add(fresh)
    session.flush()
    stored = session.scalar(
        insert(EndUserRow)
        .values(client_id=client_id, name=name, rater_id=fresh.id)
        .on_conflict_do_nothing(index_elements=["client_id", "name"])
        .returning(EndUserRow.rater_id)
    )
    if stored is not None:
        return RaterId(fresh.id)
    session.delete(fresh)
    known = find_end_user(session, client_id, name)
    return known or ensure_end_user(session, client_id, name, at=at)  # who came first was erased just now
