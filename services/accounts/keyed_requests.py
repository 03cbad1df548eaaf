"""Requests under a key of their client's choice: the same one again has the answer of the first time.

The key is held by its row's lock until the transaction ends, so of two that come at once the second waits for
the first and then has its answer. Nothing is kept of a transaction that was rolled back: what was refused may
be corrected and sent under the same key.
"""

import hashlib
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.client_tables import KeyedRequestRow
from services.db.feedback_tables import RaterRow
from services.domain.feedback import RaterId
from services.errors.people import KeyReused
from services.errors.refusals import RaterErased

KEPT = timedelta(days=7)
_FORGOTTEN_AT_ONCE = 5  # more than come with each new key, so that the table does not grow


def hold(
    session: Session, *, client_id: int, key: str, rater: RaterId, asked: str, at: datetime
) -> KeyedRequestRow:
    """The row of this key, locked; its `answer` is what to say again, or None where nothing was said yet.

    `asked` is everything that makes the request what it is. Raises KeyReused where that was something else,
    and RaterErased where that happened meanwhile.
    """
    digest = hashlib.sha256(asked.encode()).hexdigest()
    _keep_rater(session, rater)
    session.execute(
        insert(KeyedRequestRow)
        .values(
            client_id=client_id, key=key, rater_id=rater, digest=digest, submission=uuid4(), created_at=at
        )
        .on_conflict_do_nothing(index_elements=["client_id", "key"])
    )
    row = _row(session, client_id, key)
    if row.created_at <= at - KEPT:
        row.rater_id, row.digest, row.submission = rater, digest, uuid4()
        row.answer, row.created_at = None, at
    if row.digest != digest:
        raise KeyReused(key)
    _forget_old(session, at=at)
    return row


def _keep_rater(session: Session, rater: RaterId) -> None:
    """Before anything else is locked: an erasure of theirs comes before or after, never in between."""
    there = select(RaterRow.erased_at).filter_by(id=rater).with_for_update(read=True, key_share=True)
    row = session.execute(there).one_or_none()
    if row is None or row.erased_at is not None:
        raise RaterErased


def _row(session: Session, client_id: int, key: str) -> KeyedRequestRow:
    return session.scalars(
        select(KeyedRequestRow)
        .filter_by(client_id=client_id, key=key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


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
