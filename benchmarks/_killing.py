"""Parts of a service that are killed while it works, and brought back as `make up` does it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, cycle, takewhile

import psutil

from benchmarks._rating_client import Outcome
from benchmarks._rating_load import Driven
from benchmarks._spent import postgres
from benchmarks._web import WebApp
from services.db import embedded
from services.settings import Settings

_LOOKS_EVERY_S = 1.0  # `make up`, for what has ended


@dataclass(frozen=True, slots=True)
class Killed:
    what: str
    at: float  # seconds since the load began


@dataclass(frozen=True, slots=True)
class Kills:
    """Each is a SIGKILL; call them from the main thread, with which the database's server would end."""

    settings: Settings
    web: WebApp

    def in_turn(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        return (
            ("a web worker", self.a_worker),
            ("every web worker", self.every_worker),
            ("the database", self.the_database),
        )

    def a_worker(self) -> None:
        """Gunicorn's main process starts another."""
        self.web.workers()[0].kill()

    def every_worker(self) -> None:
        """With gunicorn's main process, so that there is none to start others."""
        main = self.web.main
        for process in (main, *main.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def the_database(self) -> None:
        postgres(self.settings).kill()

    def watch(self, until: float) -> None:
        """Bring back what is gone, until this moment of the monotonic clock."""
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(_LOOKS_EVERY_S, left))
            if not embedded.is_running(self.settings):
                embedded.start(self.settings)
            self.web.revive()


def kill_in_turn(kills: Kills, load: Driven, *, seconds: float, every: float) -> list[Killed]:
    """One of them every so many seconds of a load that has just begun; as many are left to recover in.

    What is gone is brought back until the last rater has got through.
    """
    begun, killed = time.monotonic(), list[Killed]()
    moments = takewhile(lambda at: at <= seconds - every, count(every, every))
    for at, (what, kill) in zip(moments, cycle(kills.in_turn()), strict=False):
        kills.watch(begun + at)
        kill()
        killed.append(Killed(what, at))
    kills.watch(begun + seconds)
    while not load.is_over():
        kills.watch(time.monotonic() + _LOOKS_EVERY_S)
    return killed


def longest(what: str, killed: Sequence[Killed], outcomes: Sequence[Outcome]) -> float:
    """Seconds that a rating took at most whose moment came after such a kill and before the next one."""
    ends = [one.at for one in killed[1:]] + [float("inf")]
    spans = [(one.at, end) for one, end in zip(killed, ends, strict=True) if one.what == what]
    return max(
        (one.took for one in outcomes for begin, end in spans if begin <= one.planned < end), default=0.0
    )
