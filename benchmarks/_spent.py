"""Processor seconds of the parts of a service, over a stretch of time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def postgres(data: str) -> psutil.Process:
    """The main process of the server whose data are in this folder."""
    with open(f"{data}/postmaster.pid", encoding="utf-8") as lines:
        return psutil.Process(int(next(lines)))


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
