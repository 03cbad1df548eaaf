"""Processor seconds of the parts of a service, over a stretch of time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from services.settings import Settings


def postgres(settings: Settings) -> psutil.Process:
    """The main process of the installation's embedded server."""
    written = (settings.var_dir / "postgres" / "postmaster.pid").read_text(encoding="utf-8")
    return psutil.Process(int(written.splitlines()[0]))


@contextmanager
def spent(**parts: psutil.Process) -> Iterator[dict[str, float]]:
    """Filled at the end of the block, by part; a process that came and went within it counts for nothing."""
    before = {name: _seconds(main) for name, main in parts.items()}
    found: dict[str, float] = {}
    yield found
    for name, main in parts.items():
        found[name] = _seconds(main) - before[name]


def _seconds(main: psutil.Process) -> float:
    total = 0.0
    for process in (main, *main.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
