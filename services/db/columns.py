"""Reading a result of whole numbers straight into arrays: no row of it becomes an object on the way.

The rows come in PostgreSQL's binary COPY format, whose layout is fixed where no value is null. Results with
texts are read by `services.db.streaming`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

_HEADER = 19  # bytes: the signature, flags, and the length of an extension that is empty
_BLOCK = 1 << 18  # bytes turned into numbers at once
_FIELD = (("size", ">i4"), ("value", ">i8"))


def fill_columns(session: Session, statement: str, columns: Sequence[NDArray[np.integer[Any]]]) -> None:
    """Fill arrays, which are as long as the result, with its columns.

    The statement has no parameters and gives as many columns of type bigint, without nulls; numbers that an
    array has too few bytes for are cut without a word.
    """
    filling = _Filling(columns)
    raw = session.connection().connection.cursor()
    raw.copy_expert(f"COPY ({statement}) TO STDOUT (FORMAT binary)", filling)
    filling.take()


class _Filling:
    """The file that COPY writes to, row by row."""

    def __init__(self, columns: Sequence[NDArray[np.integer[Any]]]) -> None:
        self._columns = columns
        sizes_and_values = [(f"{what} {n}", kind) for n in range(len(columns)) for what, kind in _FIELD]
        self._row = np.dtype([("fields", ">i2"), *sizes_and_values])
        self._left = bytearray()
        self._begin = _HEADER
        self._filled = 0

    def write(self, piece: bytes) -> None:
        self._left += piece
        if len(self._left) >= _BLOCK:
            self.take()

    def take(self) -> None:
        """Put all whole rows into the arrays; the mark at the end is shorter than any row."""
        count = (len(self._left) - self._begin) // self._row.itemsize
        rows = np.frombuffer(self._left, self._row, count=count, offset=self._begin)
        for number, column in enumerate(self._columns):
            column[self._filled : self._filled + count] = rows[f"value {number}"]
        self._left = self._left[self._begin + count * self._row.itemsize :]
        self._begin = 0
        self._filled += count
