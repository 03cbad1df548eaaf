"""Locks on what is no row, such as on erasing: a transaction has one until it ends, and others wait.

What each stands for, and who takes it before what, is with whoever takes it.
"""

from enum import IntEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

_SHARED = text("SELECT pg_advisory_xact_lock_shared(:space, :of)")
_ALONE = text("SELECT pg_advisory_xact_lock(:space, :of)")
_HELD = text(
    "SELECT CAST(objid AS bigint) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND classid = CAST(:space AS oid) AND objsubid = 2"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Space(IntEnum):
    """Each a lock, or one for each id in it."""

    RUNS = 7_001  # by the run's id
    IMPORTS = 7_002  # by the persona's id
    ERASURES = 7_003
    BACKUPS = 7_004
    ALERTS = 7_005
    ASKS = 7_006  # by what is left of the rater's id
    ACCOUNTS = 7_007


def lock_shared(session: Session, space: Space, *, of: int = 0) -> None:
    """Beside others who share it; who has it alone is waited for."""
    session.execute(_SHARED, {"space": space.value, "of": of})


def lock_alone(session: Session, space: Space, *, of: int = 0) -> None:
    """Everybody else who has it is waited for."""
    session.execute(_ALONE, {"space": space.value, "of": of})


def held_in(session: Session, space: Space) -> frozenset[int]:
    """The ids in it of which somebody has the lock now, on whatever machine."""
    return frozenset(session.scalars(_HELD, {"space": space.value}))
