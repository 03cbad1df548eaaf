"""The asks that wait for a model, and how many may: each of them holds a thread of the process it came to.

Ratings, pages and refusals take no time to speak of; they share the threads that asks must leave alone. Of
one rater asks are counted in the database, as the next one may come to another process.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from services.db.advisory_locks import Space, lock_alone
from services.db.session import session_scope
from services.domain.feedback import RaterId
from services.errors.outages import DatabaseUnavailable, TooManyAsks, TooManyOwnAsks

OF_ONE_RATER = 4
LEFT_ALONE = 8  # of so many threads one, and one at least
LONGEST_S = 600  # an ask of a process that was killed counts no longer than this

_RATERS = 2**31  # that a lock tells apart
_BEGIN = text("""
    WITH ended AS (DELETE FROM asks_under_way WHERE ends_at <= clock_timestamp())
    INSERT INTO asks_under_way (id, rater_id, ends_at)
    SELECT :id, :rater, clock_timestamp() + make_interval(secs => :longest)
    WHERE (SELECT count(*) FROM asks_under_way
           WHERE rater_id = :rater AND ends_at > clock_timestamp()) < :most
    RETURNING id
""")
_END = text("DELETE FROM asks_under_way WHERE id = :id")


@dataclass(slots=True)
class AsksUnderWay:
    """Shared by all threads of a process."""

    engine: Engine
    at_once: int
    _here: int = 0
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def beside_others(cls, engine: Engine, threads: int) -> Self:
        """As many as leave some of these threads to everybody else; one where there is only one thread."""
        return cls(engine, at_once=max(1, threads - max(1, threads // LEFT_ALONE)))

    @contextmanager
    def one_more(self, rater: RaterId) -> Iterator[None]:
        """An ask of this rater, for as long as the block runs. Raises TooManyOwnAsks, TooManyAsks."""
        with self._thread(), self._one_of_few(rater):
            yield

    @contextmanager
    def _one_of_few(self, rater: RaterId) -> Iterator[None]:
        ask = self._begin(rater)
        try:
            yield
        finally:
            with suppress(DatabaseUnavailable), session_scope(self.engine) as session:
                session.execute(_END, {"id": ask})

    def _begin(self, rater: RaterId) -> UUID:
        ask = uuid4()
        counted = {"id": ask, "rater": rater, "longest": LONGEST_S, "most": OF_ONE_RATER}
        with session_scope(self.engine) as session:
            lock_alone(session, Space.ASKS, of=rater.int % _RATERS)
            if session.scalar(_BEGIN, counted) is None:
                raise TooManyOwnAsks(OF_ONE_RATER)
        return ask

    @contextmanager
    def _thread(self) -> Iterator[None]:
        with self._lock:
            if self._here >= self.at_once:
                raise TooManyAsks
            self._here += 1
        try:
            yield
        finally:
            with self._lock:
                self._here -= 1
