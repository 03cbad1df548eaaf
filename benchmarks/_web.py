"""The web app of a benchmark's installation by the Procfile's command, and nothing else of the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from benchmarks._serving import serving
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
    procfile = settings.var_dir / "Procfile"
    procfile.write_text(PROCFILE.read_text(encoding="utf-8").replace(APP, f"'{app}'"), encoding="utf-8")
    address = f"http://{settings.feedback_host}:{settings.feedback_port}"
    with serving("feedback", settings, address, within=_UP_WITHIN, procfile=procfile) as processes:
        yield WebApp(address, processes)
