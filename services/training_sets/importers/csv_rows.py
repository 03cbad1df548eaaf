"""CSV files as rows: the first line names the columns; a row of another width or quoting is reported."""

import csv
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from services.errors.inputs import InvalidRecord
from services.training_sets.importers.lines import Line, is_broken, read_lines
from services.training_sets.importers.rows import Row


def read_csv(file: BinaryIO) -> Iterator[Row | InvalidRecord]:
    """Every row with the line it begins at; names of columns in lower case, blank lines passed over."""
    lines = _Lines(read_lines(file))
    cells = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        lines.begin()
        try:
            row: list[str] | InvalidRecord | None = next(cells, None)
        except csv.Error as error:
            row = InvalidRecord(lines.first, f"not CSV: {error}")
        yield from lines.reports()
        if row is None:
            return
        if isinstance(row, InvalidRecord):
            yield row
        elif header is None:
            header = [name.strip().lower() for name in row]
        elif row:
            yield _row(lines.first, header, row)


def _row(line: int, header: list[str], row: list[str]) -> Row | InvalidRecord:
    if len(row) != len(header):
        return InvalidRecord(line, f"{len(row)} columns where the first line names {len(header)}")
    if any(map(is_broken, row)):
        return InvalidRecord(line, "not UTF-8 text")
    return Row(line, dict(zip(header, row, strict=True)))


class _Lines:
    """The lines that the CSV reader asks for, remembering where the row being read began."""

    def __init__(self, lines: Iterable[Line | InvalidRecord]) -> None:
        self._lines = iter(lines)
        self._last = 0
        self._reports: list[InvalidRecord] = []
        self.first = 1

    def begin(self) -> None:
        self.first = self._last + 1

    def reports(self) -> Iterator[InvalidRecord]:
        yield from self._reports
        self._reports.clear()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            if isinstance(line, InvalidRecord):
                self._reports.append(line)
                self._last = line.line
            else:
                self._last = line.number
                return line.text
        raise StopIteration
