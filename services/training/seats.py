"""Trainings side by side on one machine's processors: each takes a seat, cores that no other has.

Two that wander over all cores wait for each other at every barrier of their threads; two on cores of their
own do not. The locks are files and end with their process. No model is run here.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seats:
    """`number` trainings may run at once; `folder` is where they tell each other which seat is taken."""

    folder: Path
    number: int

    @contextmanager
    def one(self) -> Iterator[None]:
        """While the block lasts this process runs on the cores of one seat alone.

        It runs wherever there is room where one training has the machine for itself, where there are fewer
        cores than seats, on systems that cannot keep a process to its cores, and when every seat is taken.
        """
        if self.number == 1 or not hasattr(os, "sched_setaffinity"):
            yield
            return
        all_cores = os.sched_getaffinity(0)
        with self._free_seat() as seat:
            own = sorted(all_cores)[seat :: self.number] if seat is not None else []
            if own:
                logger.info("this training keeps to cores %s", own)
                os.sched_setaffinity(0, own)
            try:
                yield
            finally:
                os.sched_setaffinity(0, all_cores)

    @contextmanager
    def _free_seat(self) -> Iterator[int | None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        for seat in range(self.number):
            with (self.folder / f"{seat}.lock").open("ab") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield seat
                return
        logger.warning("all %d seats are taken: this training runs beside them", self.number)
        yield None
