"""Erasures wait for who is just freezing people's texts into a set or a suite; others wait for it.

Otherwise words that were read before an erasure would be frozen after it, where nothing looks for them again.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

_SPACE = 7_003  # of advisory locks: the one of erasures
_FREEZING = text("SELECT pg_advisory_xact_lock_shared(:space, 0)")
_ERASING = text("SELECT pg_advisory_xact_lock(:space, 0)")


def hold_erasures(session: Session) -> None:
    """Until the transaction ends nothing is erased; call it before reading what is to be frozen."""
    session.execute(_FREEZING, {"space": _SPACE})


def hold_freezing(session: Session) -> None:
    """Until the transaction ends nobody freezes anything; those who do now are waited for."""
    session.execute(_ERASING, {"space": _SPACE})
