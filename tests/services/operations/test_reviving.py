"""The stack while it stays: a killed PostgreSQL comes back with its rows, and no second stack joins."""

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

from services.db.session import make_engine, owner_url, session_scope
from services.errors.outages import DatabaseUnavailable, ServiceRuns
from services.operations.secrets import ensure_secrets
from services.operations.stack import Stack
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


@pytest.fixture(scope="module")
def stack_settings(own_var_dir: Path) -> Iterator[Settings]:
    """A stack that stays, in a process of its own: it has one process to watch beside the database."""
    settings = Settings(_env_file=ensure_secrets(own_var_dir), var_dir=own_var_dir)
    procfile = own_var_dir / "Procfile"
    procfile.write_text("idle: sh -c 'echo a text > $VAR_DIR/by-a-process; sleep 600'\n")
    ports = {name: str(free_port()) for name in ("FEEDBACK_PORT", "INFERENCE_PORT", "AIRFLOW_PORT")}
    own = {**os.environ, **ports, "VAR_DIR": str(own_var_dir)}
    own.pop("DATABASE_URL", None)
    with subprocess.Popen(
        [sys.executable, "-c", _STAYS, str(procfile)], env=own, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        try:
            assert parent.stdout.readline() == "stays\n"
            while not (own_var_dir / "by-a-process").exists():
                time.sleep(0.01)
            yield settings
        finally:
            parent.terminate()


@contextmanager
def closing_engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(owner_url(settings))
    yield engine
    engine.dispose()


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


def test_a_second_service_in_the_same_folder_is_refused_and_stops_nothing(stack_settings: Settings):
    """On other ports nothing else would be in its way, and its end would stop the first one's database."""
    ports = {name: free_port() for name in ("feedback_port", "inference_port", "airflow_port")}
    second = stack_settings.model_copy(update=ports)
    with pytest.raises(ServiceRuns, match="VAR_DIR"), Stack(second, progress=lambda *_: None):
        pass
    with closing_engine(stack_settings) as engine:
        assert once_it_answers(engine, "SELECT 'there'") == ["there"]


def test_other_accounts_may_pass_through_the_folder_and_read_nothing_in_it(stack_settings: Settings):
    paths = [*stack_settings.var_dir.iterdir(), *(stack_settings.var_dir / "airflow").rglob("*")]
    entries = {path: path.stat().st_mode & 0o077 for path in paths}
    assert stack_settings.var_dir / "by-a-process" in entries
    assert [path for path, others in entries.items() if others and path.name != "Procfile"] == []
    assert stack_settings.var_dir.stat().st_mode & 0o777 == 0o711


def test_a_database_that_is_killed_comes_back_with_its_rows(stack_settings: Settings):
    postmaster = stack_settings.var_dir / "postgres" / "postmaster.pid"
    with closing_engine(stack_settings) as engine:
        with session_scope(engine) as session:
            session.execute(text("CREATE TABLE kept AS SELECT 'still here' AS word"))
        killed = int(postmaster.read_text().split()[0])
        os.kill(killed, signal.SIGKILL)
        engine.dispose()  # an open connection's own process may answer once more
        assert once_it_answers(engine, "SELECT word FROM kept") == ["still here"]
        assert int(postmaster.read_text().split()[0]) != killed
