"""Engines and sessions. `session_scope` is the only place in services that commits."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from services.db.embedded import embedded_url
from services.errors.outages import DatabaseUnavailable
from services.settings import Settings


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


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """A pooled engine whose connections are checked before use, so a restarted server is not an error."""
    return create_engine(
        # SQLAlchemy 2.1 reads a plain postgresql:// as psycopg 3; this project speaks psycopg2.
        make_url(url).set(drivername="postgresql+psycopg2"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "application_name": "persona-loop"},
    )


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block succeeds, rolled back otherwise.

    Raises DatabaseUnavailable when the server cannot be reached.
    """
    with Session(engine, expire_on_commit=False) as session:
        try:
            yield session
            session.commit()
        except OperationalError as error:
            session.rollback()
            raise DatabaseUnavailable(place(engine)) from error
        except BaseException:
            session.rollback()
            raise


def place(engine: Engine) -> str:
    """Where its server is, for messages: host and port, no password."""
    return f"{engine.url.host or 'a local socket'}:{engine.url.port or ''}".rstrip(":")
