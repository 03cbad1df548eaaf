"""Whoever takes files from the adapter store waits for a backup that is being made, and it for them.

A backup holds one moment of the database and copies the files that rows of that moment name. Who needs the
persona's row or another lock as well takes this one first.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

_SPACE = 7_004  # of advisory locks: the one of backups
_REMOVING = text("SELECT pg_advisory_xact_lock_shared(:space, 0)")
_BACKING_UP = text("SELECT pg_advisory_xact_lock(:space, 0)")


def hold_backups(session: Session) -> None:
    """Until the transaction ends no backup is begun; call it before files are taken away."""
    session.execute(_REMOVING, {"space": _SPACE})


def hold_removals(session: Session) -> None:
    """Until the transaction ends nobody takes files away, and there is one backup at a time."""
    session.execute(_BACKING_UP, {"space": _SPACE})
