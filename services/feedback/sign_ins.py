"""Sign-ins of curators: begun under a name, looked up by id, ended. Checking the token is the web app's."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.db.sign_in_tables import CuratorSignInRow

LASTS = timedelta(days=30)  # at the longest, where nobody leaves


def begin(session: Session, *, name: str, at: datetime) -> UUID:
    """The id of a new sign-in; those that lasted their time are cleared away."""
    session.execute(delete(CuratorSignInRow).where(CuratorSignInRow.at <= at - LASTS))
    row = CuratorSignInRow(name=name, at=at)
    session.add(row)
    session.flush()  # the id goes into the curator's cookie
    return row.id


def name_of(session: Session, sign_in: UUID, *, at: datetime) -> str | None:
    """Under which name it was begun; None where it ended."""
    return session.scalar(
        select(CuratorSignInRow.name).where(CuratorSignInRow.id == sign_in, CuratorSignInRow.at > at - LASTS)
    )


def end(session: Session, sign_in: UUID) -> None:
    session.execute(delete(CuratorSignInRow).where(CuratorSignInRow.id == sign_in))
