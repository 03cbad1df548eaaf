"""DAGs are read in processes of their own: importing Airflow writes files and reads the environment once."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from services.db import migrate
from services.db.session import make_engine
from services.operations.environment import environment
from services.settings import ROOT, Settings

RunScript = Callable[..., Any]
CallTask = Callable[..., list[dict[str, Any]]]
CALLED_WITHIN_S = 180


@pytest.fixture(scope="session")
def airflow_environment(
    settings: Settings, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    own = settings.model_copy(update={"database_url": None})
    home = {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "DATABASE_URL": database_url}
    return {**os.environ, **environment(own), **home}


@pytest.fixture(scope="session")
def run_script(airflow_environment: dict[str, str]) -> RunScript:
    """Runs a script of this folder in Airflow's environment and returns the JSON of its last line."""

    def run(script: str, *arguments: object) -> Any:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(script)), json.dumps(arguments)],
            env=airflow_environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=CALLED_WITHIN_S,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def dag_database(database_url: str) -> Iterator[str]:
    """A database of its own: tasks open their own sessions, so what they need must be committed."""
    server = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE dag_tests"))
    url = make_url(database_url).set(database="dag_tests").render_as_string(hide_password=False)
    engine = make_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    yield url
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE dag_tests WITH (FORCE)"))
    server.dispose()


@pytest.fixture(scope="module")
def call_task(airflow_environment: dict[str, str], dag_database: str) -> Iterator[CallTask]:
    """Calls a task's body, once for each run, form and arguments; one process of `one_task.py` takes all."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("one_task.py"))],
        env=airflow_environment | {"DATABASE_URL": dag_database},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def call(dag_id: str, task_id: str, *calls: tuple[str, object, object]) -> list[dict[str, Any]]:
            asked.write(json.dumps([dag_id, task_id, calls]) + "\n")
            asked.flush()
            assert select.select([told], [], [], CALLED_WITHIN_S)[0]
            return json.loads(told.readline())

        yield call
        asked.close()
