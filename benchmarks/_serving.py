"""The database and the inference server of a benchmark's installation, without the rest of the service.

Jobs called in the process then find all they need: no scheduler and no web app.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from sqlalchemy import Engine

from services.db import embedded, migrate
from services.db.session import make_engine, owner_url
from services.errors.outages import ServiceTooSlow
from services.operations.environment import environment
from services.operations.processes import Processes
from services.operations.stack import PROCFILE
from services.settings import Settings

_LOADED_WITHIN = 120.0  # seconds
_LOOKED_EVERY = 0.2


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """The installation's embedded PostgreSQL, its schema the newest."""
    embedded.start(settings)
    engine = make_engine(owner_url(settings), pool_size=10)
    try:
        migrate.upgrade(engine)
        yield engine
    finally:
        engine.dispose()
        embedded.stop(settings)


@contextmanager
def inference_server(settings: Settings) -> Iterator[None]:
    """The server of the Procfile alone, ready to answer."""
    with serving("inference", settings, settings.inference_endpoint, within=_LOADED_WITHIN):
        yield


@contextmanager
def serving(
    name: str, settings: Settings, address: str, *, within: float, procfile: Path = PROCFILE
) -> Iterator[Processes]:
    """This process of a Procfile alone; raises ServiceTooSlow where it does not answer `within` seconds."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    logs = settings.var_dir / "log"
    processes = Processes(procfile, env={**os.environ, **environment(settings), "PATH": path}, logs=logs)
    processes.start(name)
    try:
        deadline = time.monotonic() + within
        while not _is_up(address):
            processes.raise_if_ended()
            if time.monotonic() > deadline:
                raise ServiceTooSlow((name,), str(logs))
            time.sleep(_LOOKED_EVERY)
        yield processes
    finally:
        processes.stop()


def _is_up(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/healthz", timeout=5.0, trust_env=False).is_success
    return False
