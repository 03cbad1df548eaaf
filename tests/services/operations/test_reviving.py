"""The stack while it stays: an embedded PostgreSQL that is killed comes back, with what was committed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from services.db.session import database_url, make_engine, session_scope
from services.errors import DatabaseUnavailable
from services.operations.secrets import ensure_secrets
from services.settings import ROOT, Settings
from tests.services.operations.test_stack import free_port

pytestmark = pytest.mark.slow

_STAYS = """
import sys
from pathlib import Path
from services.operations.stack import Stack
from services.settings import read_settings

with Stack(read_settings(), progress=lambda *_: None, procfile=Path(sys.argv[1])) as stack:
    print("stays", flush=True)
    stack.stay()
"""
_SECONDS = 15.0


@contextmanager
def staying(var_dir: Path) -> Iterator[None]:
    """A stack that stays, in a process of its own: it has one process to watch beside the database."""
    procfile = var_dir / "Procfile"
    procfile.write_text("idle: sleep 600\n")
    ports = {name: str(free_port()) for name in ("FEEDBACK_PORT", "INFERENCE_PORT", "AIRFLOW_PORT")}
    own = {**os.environ, **ports, "VAR_DIR": str(var_dir)}
    own.pop("DATABASE_URL", None)
    with subprocess.Popen(
        [sys.executable, "-c", _STAYS, str(procfile)], env=own, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        try:
            assert parent.stdout.readline() == "stays\n"
            yield
        finally:
            parent.terminate()


def once_it_answers(engine: Engine, statement: str) -> list[str]:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            with session_scope(engine) as session:
                return list(session.scalars(text(statement)))
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_a_database_that_is_killed_comes_back_with_its_rows(tmp_path: Path):
    settings = Settings(_env_file=ensure_secrets(tmp_path), var_dir=tmp_path)
    postmaster = tmp_path / "postgres" / "postmaster.pid"
    with staying(tmp_path):
        engine = make_engine(database_url(settings))
        with session_scope(engine) as session:
            session.execute(text("CREATE TABLE kept AS SELECT 'still here' AS word"))
        killed = int(postmaster.read_text().split()[0])
        os.kill(killed, signal.SIGKILL)
        assert once_it_answers(engine, "SELECT word FROM kept") == ["still here"]
        assert int(postmaster.read_text().split()[0]) != killed
        engine.dispose()
