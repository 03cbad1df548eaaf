"""The web app of a benchmark's installation by the Procfile's command, and nothing else of the service."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from services.errors.outages import ServiceTooSlow
from services.operations.environment import environment
from services.operations.processes import Processes
from services.operations.stack import PROCFILE
from services.settings import Settings

APP = "feedback_app.wsgi:app"  # in the Procfile
_UP_WITHIN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class WebApp:
    address: str
    _processes: Processes

    @property
    def main(self) -> psutil.Process:
        """Gunicorn's main process, which answers nobody itself."""
        ours = psutil.Process().children()
        return next(one for one in ours if "gunicorn" in " ".join(one.cmdline()))

    def workers(self) -> list[psutil.Process]:
        found: list[psutil.Process] = self.main.children()
        return found

    def revive(self) -> None:
        """What `make up` does every second: start again what ended by itself."""
        self._processes.revive()


@contextmanager
def web_app(settings: Settings, *, app: str = APP) -> Iterator[WebApp]:
    """It answers; `app` stands in the place of the service's own, under the same gunicorn."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    procfile = settings.var_dir / "Procfile"
    procfile.write_text(PROCFILE.read_text(encoding="utf-8").replace(APP, f"'{app}'"), encoding="utf-8")
    logs = settings.var_dir / "log"
    processes = Processes(procfile, env={**os.environ, **environment(settings), "PATH": path}, logs=logs)
    processes.start("feedback")
    try:
        address = f"http://{settings.feedback_host}:{settings.feedback_port}"
        deadline = time.monotonic() + _UP_WITHIN
        while not _up(address):
            processes.raise_if_ended()
            if time.monotonic() > deadline:
                raise ServiceTooSlow(("feedback",), str(logs))
            time.sleep(0.2)
        yield WebApp(address, processes)
    finally:
        processes.stop()


def _up(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/healthz", timeout=5.0, trust_env=False).is_success
    return False
