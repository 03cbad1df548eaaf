"""One process works on a training run: a lock of its work folder, and one of the database for all machines.

The first lasts as long as the process, whatever becomes of PostgreSQL; the second ends with its connection,
which a restart of the server cuts, and is taken again. What is done under them is the job's.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, TextClause, text
from sqlalchemy.exc import InterfaceError, OperationalError

from services.adapters.disk import LOCK_FILE
from services.db.advisory_locks import Space
from services.db.session import place
from services.errors.outages import DatabaseUnavailable
from services.errors.training import RunBusy

logger = logging.getLogger(__name__)

_TAKE = text("SELECT pg_try_advisory_lock(:space, :run)")
_LOOK = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    " AND classid = CAST(:space AS oid) AND objid = CAST(:run AS oid))"
)
_GIVE_BACK = text("SELECT pg_advisory_unlock(:space, :run)")


class RunLock:
    """The database's lock of one run. Its methods raise DatabaseUnavailable, `give_back` never."""

    def __init__(self, engine: Engine, run_id: int) -> None:
        self._engine = engine
        self._run_id = run_id
        self._connection: Connection | None = None

    def take(self) -> None:
        """RunBusy when another process has it."""
        if not self._ask(_TAKE):
            self._drop_connection()
            raise RunBusy(self._run_id)

    def renew(self) -> None:
        """Take it again if it is lost; RunBusy when another machine was faster."""
        with suppress(DatabaseUnavailable):
            if self._ask(_LOOK):
                return
        logger.warning("the lock of training run %d was lost with its connection", self._run_id)
        self.take()
        logger.warning("the lock of training run %d is taken again", self._run_id)

    def give_back(self) -> None:
        """What was lost with its connection is given back already."""
        if self._connection is not None:
            with suppress(DatabaseUnavailable):
                self._ask(_GIVE_BACK)
            self._drop_connection()

    def _ask(self, statement: TextClause) -> bool:
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            answer = self._connection.scalar(statement, {"space": Space.RUNS.value, "run": self._run_id})
            self._connection.commit()  # the lock belongs to the connection, no transaction stays open
        except (OperationalError, InterfaceError) as error:
            self._drop_connection()
            raise DatabaseUnavailable(place(self._engine)) from error
        return bool(answer)

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def held(engine: Engine, run_id: int, *, workdir: Path) -> Iterator[RunLock]:
    """Both locks, for as long as the block lasts; RunBusy when another process works on the run."""
    lock = RunLock(engine, run_id)
    with _only_one_in(workdir, run_id):
        lock.take()
        try:
            yield lock
        finally:
            lock.give_back()


def clear_away(workdir: Path) -> bool:
    """Remove a work folder; False, and nothing is done, while a process works in it."""
    try:
        with _only_one_in(workdir, run_id=0):
            shutil.rmtree(workdir)
    except RunBusy:
        return False
    return True


@contextmanager
def _only_one_in(workdir: Path, run_id: int) -> Iterator[None]:
    """RunBusy while another process is in the folder; it may be removed from within."""
    workdir.mkdir(parents=True, exist_ok=True)
    path = workdir / LOCK_FILE
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunBusy(run_id) from error
        # Whoever was in it may have removed the folder between the two calls: this lock is nobody's then.
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(lock.fileno())):
            raise RunBusy(run_id)
        yield
