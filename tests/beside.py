"""Two at once on one database: before a statement of one the other goes ahead, until it is done or waits."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Engine, event, text

PATIENCE = 30.0  # seconds until a test gives up


@dataclass
class Meeting:
    """What another thread does before the statement of this number of this thread, counted from 0."""

    engine: Engine
    number: int
    act: Callable[[], object]
    happened: bool = False
    _said: int = 0
    _thread: int = field(default_factory=threading.get_ident)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _acting: Future[object] | None = None

    def before_statement(self, *_: object) -> None:
        if self.happened or threading.get_ident() != self._thread:
            return
        self._said += 1
        if self._said > self.number:
            self.happened = True
            self._acting = self._pool.submit(self.act)
            until_it_waits(self.engine, self._acting)

    def end(self) -> None:
        """The other is done too; where there were not as many statements, it acts now."""
        with self._pool:
            acting = self._acting or self._pool.submit(self.act)
            acting.result(PATIENCE)


def at_every_moment(
    engine: Engine, prepare: Callable[[], tuple[Callable[[], object], Callable[[], object]]]
) -> Iterator[int]:
    """What `prepare` gives first is done once for each of its statements, before which the second happens.

    Yields after each time, when both are done.
    """
    for number in count():
        do, act = prepare()
        with meeting(engine, number, act) as met:
            do()
        yield number
        if not met.happened:
            return


@contextmanager
def meeting(engine: Engine, number: int, act: Callable[[], object]) -> Iterator[Meeting]:
    met = Meeting(engine, number, act)
    event.listen(engine, "before_cursor_execute", met.before_statement)
    try:
        yield met
    finally:
        event.remove(engine, "before_cursor_execute", met.before_statement)
        met.end()


def until_it_waits(engine: Engine, acting: Future[object]) -> None:
    """Until that is done, or waits for a lock that another transaction holds."""
    give_up = time.monotonic() + PATIENCE
    with engine.connect() as connection:
        while not acting.done() and not connection.scalar(_WAITS):
            assert time.monotonic() < give_up, "it is neither done nor waiting"
            time.sleep(0.002)


def until_somebody_waits(engine: Engine) -> None:
    """For a lock that another transaction holds."""
    until_it_waits(engine, Future())


_WAITS = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
