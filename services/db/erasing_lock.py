"""Erasures wait for who is just freezing people's texts into a set or a suite; others wait for it.

Otherwise words that were read before an erasure would be frozen after it, where nothing looks for them again.
"""

from sqlalchemy.orm import Session

from services.db.advisory_locks import Space, lock_alone, lock_shared


def hold_erasures(session: Session) -> None:
    """Until the transaction ends nothing is erased; call it before reading what is to be frozen."""
    lock_shared(session, Space.ERASURES)


def hold_freezing(session: Session) -> None:
    """Until the transaction ends nobody freezes anything; those who do now are waited for."""
    lock_alone(session, Space.ERASURES)
