"""Being alone in an installation, and its database at hand whether the service runs or not.

For what is done by hand around the service; what it starts itself is `stack`'s.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from services.db import embedded
from services.db.session import make_engine, owner_url
from services.errors.outages import ServiceRuns
from services.settings import Settings
from services.var_dir import make_private


@contextmanager
def alone_in(var_dir: Path) -> Iterator[None]:
    """Two services in one folder would end each other's parts. The lock ends with the process, always.

    Raises ServiceRuns.
    """
    make_private(var_dir)
    with (var_dir / "service.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceRuns(str(var_dir)) from error
        yield


@contextmanager
def database_at_hand(settings: Settings) -> Iterator[Engine]:
    """The database as its owner; an embedded server that does not run does so for the block."""
    if settings.database_url is not None or embedded.is_running(settings):
        with _as_owner(settings) as engine:
            yield engine
    else:
        with service_stopped(settings) as engine:
            yield engine


@contextmanager
def service_stopped(settings: Settings) -> Iterator[Engine]:
    """As `database_at_hand`, and `make up` is kept away for the block; raises ServiceRuns where it runs."""
    with alone_in(settings.var_dir):
        starting = settings.database_url is None and not embedded.is_running(settings)
        if starting:
            embedded.start(settings)
        try:
            with _as_owner(settings) as engine:
                yield engine
        finally:
            if starting:
                embedded.stop(settings)


@contextmanager
def _as_owner(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(owner_url(settings))
    try:
        yield engine
    finally:
        engine.dispose()
