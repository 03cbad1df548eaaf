"""Whoever takes files from the adapter store waits for a backup that is being made, and it for them.

A backup holds one moment of the database and copies the files that rows of that moment name. Who needs the
persona's row or another lock as well takes this one first.
"""

from sqlalchemy.orm import Session

from services.db.advisory_locks import Space, lock_alone, lock_shared


def hold_backups(session: Session) -> None:
    """Until the transaction ends no backup is begun; call it before files are taken away."""
    lock_shared(session, Space.BACKUPS)


def hold_removals(session: Session) -> None:
    """Until the transaction ends nobody takes files away, and there is one backup at a time."""
    lock_alone(session, Space.BACKUPS)
