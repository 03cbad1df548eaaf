"""DAGs are read in processes of their own: importing Airflow writes files and reads the environment once."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.operations.environment import environment
from services.settings import ROOT, Settings

RunScript = Callable[..., Any]


@pytest.fixture(scope="session")
def run_script(settings: Settings, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> RunScript:
    """Runs a script of this folder in Airflow's environment and returns the JSON of its last line.

    `database` names another database than that of the tests' own sessions.
    """
    home = tmp_path_factory.mktemp("airflow")

    def run(script: str, *arguments: object, database: str = database_url) -> Any:
        own = settings.model_copy(update={"database_url": None})
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(script)), json.dumps(arguments)],
            env={**os.environ, **environment(own), "AIRFLOW_HOME": str(home), "DATABASE_URL": database},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run
