"""The counters of limits in the database: one statement a count, whichever process counts.

The library that applies limits knows Redis and its like alone; RATE_LIMITS_URL names one where there is one.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from limits.storage import Storage
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from services.db.prepared import Prepared
from services.db.session import SingleEngine, place
from services.errors.outages import DatabaseUnavailable

_COUNT = Prepared(
    "count",
    """
    INSERT INTO rate_counters AS c (key, count, ends_at)
    VALUES ({key}, {amount}, clock_timestamp() + make_interval(secs => {expiry}))
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN c.ends_at <= clock_timestamp() THEN 0 ELSE c.count END + excluded.count,
        ends_at = CASE WHEN c.ends_at <= clock_timestamp() THEN excluded.ends_at ELSE c.ends_at END
    RETURNING count
    """,
    {"key": "text", "amount": "integer", "expiry": "double precision"},
)
_READ = text("""
    SELECT count, extract(epoch FROM ends_at)::float8 FROM rate_counters
    WHERE key = :key AND ends_at > clock_timestamp()
""")
_FORGET = text("DELETE FROM rate_counters WHERE ends_at <= clock_timestamp() - interval '1 minute'")


class TableStorage(Storage):
    """What the strategies of `limits` count with."""

    STORAGE_SCHEME = None  # it has no address: it is made with an engine

    def __init__(self, engine: SingleEngine) -> None:
        super().__init__()
        self._engine = engine

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The count within the window that is open, or that begins now and lasts `expiry` seconds."""
        with self._connected() as connection:
            counted = _COUNT.execute(connection, {"key": key, "amount": amount, "expiry": expiry})
            count = int(counted.scalar_one())
            if count == amount:  # a window begins: those that ended go
                connection.execute(_FORGET)
        return count

    def get(self, key: str) -> int:
        return self._read(key)[0]

    def get_expiry(self, key: str) -> float:
        """When the open window ends, in seconds since 1970; now, where none is open."""
        return self._read(key)[1]

    def check(self) -> bool:
        with self._connected() as connection:
            return connection.scalar(text("SELECT true")) is True

    def reset(self) -> int | None:
        with self._connected() as connection:
            return connection.execute(text("DELETE FROM rate_counters")).rowcount

    def clear(self, key: str) -> None:
        with self._connected() as connection:
            connection.execute(text("DELETE FROM rate_counters WHERE key = :key"), {"key": key})

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Raises DatabaseUnavailable."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise DatabaseUnavailable(place(self._engine)) from error

    def _read(self, key: str) -> tuple[int, float]:
        with self._connected() as connection:
            found = connection.execute(_READ, {"key": key}).one_or_none()
        return (found[0], found[1]) if found else (0, time.time())
