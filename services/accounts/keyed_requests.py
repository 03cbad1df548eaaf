"""Requests under a key of their client's choice: the same one again has the answer of the first time.

The key is held by its row's lock until the transaction ends, so of two that come at once the second waits for
the first and then has its answer. Nothing is kept of a transaction that was rolled back: what was refused may
be corrected and sent under the same key.
"""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.client_tables import KeyedRequestRow
from services.domain.feedback import RaterId
from services.errors.refusals import KeyReused

KEPT = timedelta(days=7)
_FORGOTTEN_AT_ONCE = 5  # more than come with each new key, so that the table does not grow


def hold(
    session: Session, *, client_id: int, key: str, rater: RaterId, asked: str, at: datetime
) -> KeyedRequestRow:
    """The row of this key, locked; its `answer` is what to say again, or None where nothing was said yet.

    `asked` is everything that makes the request what it is. Raises KeyReused where that was something else.
    """
    digest = hashlib.sha256(asked.encode()).hexdigest()
    row = _row(session, client_id, key)
    if row is not None and row.created_at <= at - KEPT:
        session.delete(row)
        session.flush()
        row = None
    if row is None:
        _forget_old(session, at=at)
        session.execute(
            insert(KeyedRequestRow)
            .values(
                client_id=client_id,
                key=key,
                rater_id=rater,
                digest=digest,
                submission=_new_submission(),
                created_at=at,
            )
            .on_conflict_do_nothing(index_elements=["client_id", "key"])
        )
        row = _row(session, client_id, key)
    if row is None or row.digest != digest:
        raise KeyReused(key)
    return row


def _row(session: Session, client_id: int, key: str) -> KeyedRequestRow | None:
    return session.scalar(
        select(KeyedRequestRow)
        .filter_by(client_id=client_id, key=key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _forget_old(session: Session, *, at: datetime) -> None:
    identity = tuple_(KeyedRequestRow.client_id, KeyedRequestRow.key)
    old = (
        select(KeyedRequestRow.client_id, KeyedRequestRow.key)
        .where(KeyedRequestRow.created_at <= at - KEPT)
        .order_by(KeyedRequestRow.created_at)
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    session.execute(delete(KeyedRequestRow).where(identity.in_(old)))


def _new_submission() -> UUID:
    """One that nobody outside can name: the journals take the first that comes with it."""
    return uuid4()
