"""The whole service on this machine, in order: PostgreSQL, both schemas, the processes, their health.

`persona-loop up`, the demo and the test of the whole loop run it. What the processes do is their own; secrets
must exist before settings can be read (`secrets.ensure_secrets`).
"""

import errno
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self

import httpx

from services.db import embedded
from services.db.migrate import upgrade
from services.db.session import database_url, make_engine, owner_url
from services.errors.outages import (
    AirflowUnavailable,
    EmbeddedDatabaseFailed,
    PortTaken,
    ServiceTooSlow,
    SettingsMissing,
)
from services.operations.airflow_client import AirflowClient
from services.operations.at_hand import alone_in
from services.operations.environment import ADMINISTRATOR, airflow_home, airflow_passwords_file, environment
from services.operations.processes import Processes, end_leftover
from services.settings import ROOT, Settings, seen_from_here

logger = logging.getLogger(__name__)

PROCFILE = ROOT / "Procfile"
DAG_IDS = frozenset(
    {
        "erase_rater",
        "nightly_retrain",
        "remove_old_versions",
        "retrain_persona",
        "rollback_adapter",
        "train_new_persona",
        "watch_canaries",
    }
)
GPU_POOL = "gpu"
WORKER_PID_FILE = "airflow-edge-worker.pid"  # Airflow's name for it
INFERENCE = "inference"  # in the Procfile; of another base with the port after it
_API_SERVER = "airflow-api-server"
# After a crash Airflow keeps the worker's name for five heartbeats and refuses the new one until then.
_MAY_TAKE_TRIES = ("worker-gpu",)
# While it is away nights still train and are judged: nothing else is stopped for it.
_NEVER_GIVEN_UP = ("feedback",)
_HEALTHY_WITHIN = 240.0  # seconds

Progress = Callable[[str, float], None]  # what is ready now, seconds since the start


class Stack:
    """Use it as a context manager in the main thread: leaving the block stops everything it started.

    Entering raises ServiceRuns, SettingsMissing or PortTaken before anything starts, EmbeddedDatabaseFailed,
    DatabaseUnavailable, ServiceDied.
    """

    def __init__(self, settings: Settings, *, progress: Progress, procfile: Path = PROCFILE) -> None:
        self._settings = settings
        self._progress = progress
        self._procfile = procfile
        self._began = 0.0
        self._way_out = ExitStack()
        self._processes: Processes | None = None
        self._database_url = ""

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        with ExitStack() as undo:
            undo.enter_context(alone_in(self._settings.var_dir))
            _check_ports(self._settings)
            undo.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _leave))
            self._start(undo)
            self._way_out = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # From here on a second Ctrl-C would only leave things half stopped; each step has its own time limit.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._way_out.close()
        finally:
            signal.signal(signal.SIGINT, before)

    def wait_until_healthy(self) -> None:
        """Return when every part answers; raises ServiceDied, ServiceTooSlow naming what does not."""
        deadline = time.monotonic() + _HEALTHY_WITHIN
        with AirflowClient(self._settings) as airflow:
            waiting: dict[str, Callable[[], bool]] = {
                **{
                    name: partial(_responds, f"{url}/healthz")
                    for name, url in _inference_servers(self._settings).items()
                },
                "feedback": lambda: _responds(f"{feedback_url(self._settings)}/readyz"),
                "airflow": lambda: _airflow_runs(airflow),
                "dags": lambda: _dags_are_read(airflow),
                "worker-gpu": airflow.workers_ready,
            }
            while waiting:
                self._started().raise_if_ended(except_for=_MAY_TAKE_TRIES)
                for part, is_ready in list(waiting.items()):
                    with suppress(AirflowUnavailable):
                        if is_ready():
                            del waiting[part]
                            self._ready(part)
                if waiting and time.monotonic() > deadline:
                    raise ServiceTooSlow(_with_reasons(waiting, airflow), str(self._logs))
                time.sleep(0.5)
            airflow.ensure_pool(
                GPU_POOL, self._settings.trainings_side_by_side, "Trainings and evaluations at a time"
            )

    def stay(self) -> NoReturn:
        """Keep watch until a signal; what ends by itself is started again, PostgreSQL first.

        Raises ServiceDied for a process, the web app excepted, that fails again and again for minutes, and
        EmbeddedDatabaseFailed.
        """
        while True:
            self._revive_database()
            self._started().revive(never_give_up=_NEVER_GIVEN_UP)
            time.sleep(1.0)

    @property
    def _logs(self) -> Path:
        return self._settings.var_dir.resolve() / "log"

    def _start(self, undo: ExitStack) -> None:
        settings = self._settings
        if settings.database_url is None:
            undo.callback(embedded.stop, settings)
            embedded.start(settings)
            self._ready("postgres")
        _write_airflow_password(settings)
        end_leftover(airflow_home(settings) / WORKER_PID_FILE)
        processes = Processes(self._procfile, env=_child_environment(settings), logs=self._logs)
        self._processes = processes
        servers = _inference_servers(settings)
        for port, base in settings.other_servers.items():
            own = {"BASE_MODEL": base, "BASE_REVISION": "main", "INFERENCE_PORT": str(port)}
            processes.add(_named(port), like=INFERENCE, env=own)
        undo.callback(processes.stop, last=(_API_SERVER, *servers))  # the others still take their leave

        airflow_schema = processes.begin("airflow-db-migrate", "airflow db migrate")
        local = [name for name in processes.names() if name != INFERENCE or not settings.inference_url]
        for name in filter(servers.__contains__, local):
            processes.start(name)  # slow to load, and it needs no database to
        self._database_url = database_url(settings)
        engine = make_engine(owner_url(settings))
        upgrade(engine)
        engine.dispose()
        self._ready("schema")
        # The API server makes tables of its own while it loads and loses against a migration at work.
        processes.finish("airflow-db-migrate", airflow_schema)
        self._ready("airflow schema")
        for name in local:
            if name not in servers:
                processes.start(name)

    def _revive_database(self) -> None:
        settings = self._settings
        if settings.database_url is not None or embedded.is_running(settings):
            return
        logger.warning("the embedded PostgreSQL ended by itself and is started again")
        embedded.start(settings)
        if database_url(settings) != self._database_url:
            raise EmbeddedDatabaseFailed(
                "its port was taken while it was away, and the processes know no other"
            )

    def _started(self) -> Processes:
        if self._processes is None:
            raise RuntimeError("enter the stack first")
        return self._processes

    def _ready(self, what: str) -> None:
        self._progress(what, time.monotonic() - self._began)


def _inference_servers(settings: Settings) -> dict[str, str]:
    """By the name of its process, where each one is; that of BASE_MODEL may be on another machine."""
    host = seen_from_here(settings.inference_host)
    others = {_named(port): f"http://{host}:{port}" for port in settings.other_servers}
    return {INFERENCE: settings.inference_endpoint, **others}


def _named(port: int) -> str:
    return f"{INFERENCE}-{port}"


def feedback_url(settings: Settings) -> str:
    """Where a browser on this machine finds the app."""
    return f"http://{seen_from_here(settings.feedback_host)}:{settings.feedback_port}"


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


def _check_ports(settings: Settings) -> None:
    """PortTaken for the first that another program, or another setting, has taken.

    SettingsMissing for a host that is no address of this machine.
    """
    ports = [
        ("FEEDBACK_PORT", settings.feedback_host, settings.feedback_port),
        ("AIRFLOW_PORT", "127.0.0.1", settings.airflow_port),
    ]
    if not settings.inference_url:
        ports.append(("INFERENCE_PORT", settings.inference_host, settings.inference_port))
    ports += [("INFERENCE_PORT", settings.inference_host, port) for port in settings.other_servers]
    with ExitStack() as probes:
        for name, host, port in ports:
            probe = probes.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that just closed is free
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise PortTaken(name, port) from error
                raise SettingsMissing((name.replace("PORT", "HOST"),)) from error
            probe.listen(1)  # a second bind to it, by another setting, fails only while it listens


def _child_environment(settings: Settings) -> Mapping[str, str]:
    """The caller's variables, ours over them, and the caller's choices for Airflow over those.

    The tables' owner is nobody's business but the migrations', which are done here.
    """
    theirs = {name: value for name, value in os.environ.items() if name != "DATABASE_OWNER_URL"}
    chosen = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW__")}
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    return {**theirs, **environment(settings), **chosen, "PATH": path}


def _write_airflow_password(settings: Settings) -> None:
    path = airflow_passwords_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({ADMINISTRATOR: settings.airflow_password.get_secret_value()}))


def _responds(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5.0, trust_env=False).is_success
    return False


def _airflow_runs(airflow: AirflowClient) -> bool:
    health = airflow.health()
    return all(health.get(part) == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _with_reasons(waiting: Collection[str], airflow: AirflowClient) -> tuple[str, ...]:
    """The parts not ready; of the DAGs also why, which is most often a setting that they read."""
    errors: dict[str, str] = {}
    with suppress(AirflowUnavailable):
        errors = airflow.import_errors() if "dags" in waiting else {}
    return (*waiting, *(f"{Path(file).name}: {why}" for file, why in errors.items()))


def _dags_are_read(airflow: AirflowClient) -> bool:
    return airflow.dag_ids() >= DAG_IDS
