"""Engines and sessions. `session_scope` is the only place in services that commits."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NewType

import psycopg2
from sqlalchemy import URL, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from services.db.embedded import embedded_url
from services.errors.outages import DatabaseUnavailable
from services.settings import Settings

_TRUSTED = 1.0  # seconds since its last use that a connection is taken to be whole


def database_url(settings: Settings) -> str:
    """DATABASE_URL, else the running embedded server's; DatabaseUnavailable when there is neither."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    url = embedded_url(settings)
    if url is None:
        raise DatabaseUnavailable(str(settings.var_dir / "postgres"))
    return url


def owner_url(settings: Settings) -> str:
    """As `database_url`, of the account that owns the tables: for migrations, backups and Airflow's own.

    With a DATABASE_URL it is DATABASE_OWNER_URL, and where that is unset one account for everything; without,
    the embedded server's, whatever else is set: a migration never goes where the service does not.
    """
    if settings.database_url is not None:
        return (settings.database_owner_url or settings.database_url).get_secret_value()
    url = embedded_url(settings, owner=True)
    if url is None:
        raise DatabaseUnavailable(str(settings.var_dir / "postgres"))
    return url


SingleEngine = NewType("SingleEngine", Engine)  # one that begins no transactions


def make_engine(url: str | URL, *, pool_size: int = 5, isolation_level: str | None = None) -> Engine:
    """A pooled engine; a connection unused for a moment is checked first: a restarted server is no error."""
    engine = create_engine(
        # SQLAlchemy 2.1 reads a plain postgresql:// as psycopg 3; this project speaks psycopg2.
        make_url(url).set(drivername="postgresql+psycopg2"),
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # the server has the least to do where few connections are busy all the time
        pool_timeout=10,
        connect_args={"connect_timeout": 5, "application_name": "persona-loop"},
        **({"isolation_level": isolation_level} if isolation_level else {}),
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_check_unused, engine.dialect))
    return engine


def make_single_engine(url: str | URL, *, pool_size: int = 5) -> SingleEngine:
    """As `make_engine`, but each statement is a transaction of its own: to begin and to end one are two more
    round trips, and so is telling a connection of the other kind at every use.
    """
    return SingleEngine(make_engine(url, pool_size=pool_size, isolation_level="AUTOCOMMIT"))


def _note_use(_: object, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _check_unused(
    dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, _: object
) -> None:
    """A round trip before each use would cost a busy app as much as one more statement."""
    if time.monotonic() - record.info.get("used_at", math.inf) < _TRUSTED:
        return
    try:
        dialect.do_ping(connection)
    except psycopg2.Error as error:
        raise InvalidatePoolError from error  # the others are of the same server


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block succeeds, rolled back otherwise.

    Raises DatabaseUnavailable when the server cannot be reached.
    """
    with Session(engine, expire_on_commit=False) as session:
        try:
            yield session
            session.commit()
        except (OperationalError, NoConnection) as error:
            session.rollback()
            raise DatabaseUnavailable(place(engine)) from error
        except BaseException:
            session.rollback()
            raise


@contextmanager
def single_statement(engine: SingleEngine) -> Iterator[Session]:
    """For statements each of which is whole by itself.

    Raises DatabaseUnavailable as `session_scope` does.
    """
    with Session(engine) as session:
        try:
            yield session
        except (OperationalError, NoConnection) as error:
            raise DatabaseUnavailable(place(engine)) from error


def place(engine: Engine) -> str:
    """Where its server is, for messages: host and port, no password."""
    return f"{engine.url.host or 'a local socket'}:{engine.url.port or ''}".rstrip(":")
