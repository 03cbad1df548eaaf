"""JSON files as rows: one object a line, or one array of objects; which of them, the first sign tells.

An array is cut at its outer commas before anything is parsed, so a bad element costs itself alone. What
follows a quotation mark that is never closed cannot be told apart from the text inside it.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from services.errors.inputs import InvalidRecord
from services.training_sets.importers.lines import (
    RECORD_LIMIT,
    Line,
    is_broken,
    read_blocks,
    read_bytes,
    read_lines,
)
from services.training_sets.importers.rows import Row

_TOKEN = re.compile(r'\\.|["\[\]{},]', re.DOTALL)
_BROKEN_OFF = "the file breaks off in the middle of a record"


def read_json(file: BinaryIO) -> Iterator[Row | InvalidRecord]:
    """Every object of the file with the line it begins at; blank lines are no records."""
    start = next(read_bytes(file))
    if isinstance(start, InvalidRecord):
        yield start
        return
    file.seek(0)
    pieces = (
        _elements(file) if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[") else read_lines(file)
    )
    for piece in pieces:
        if isinstance(piece, InvalidRecord):
            yield piece
        elif piece.text.strip():
            yield _object(piece)


def _object(line: Line) -> Row | InvalidRecord:
    if is_broken(line.text):
        return InvalidRecord(line.number, "not UTF-8 text")
    try:
        found = json.loads(line.text)
    except json.JSONDecodeError as error:
        return InvalidRecord(line.number, f"not JSON: {error.msg}")
    except ValueError:  # of Python's own limit for the digits of a number
        return InvalidRecord(line.number, "a number of too many digits")
    except RecursionError:
        return InvalidRecord(line.number, "nested too deeply")
    if not isinstance(found, dict):
        return InvalidRecord(line.number, "not a JSON object")
    return Row(line.number, found)


def _elements(file: BinaryIO) -> Iterator[Line | InvalidRecord]:
    """The texts between the outer brackets and commas of one array; text after it is an element too many."""
    nesting, element, held = _Nesting(), _Element(), ""
    for block in read_blocks(file):
        if isinstance(block, InvalidRecord):
            yield InvalidRecord(element.first_line(), block.reason)
            return
        text = held + block
        ending = len(text) - len(text.rstrip("\\"))
        held = "\\" * (ending % 2)  # the sign it escapes is in the next block
        text = text.removesuffix(held)
        begun = 0
        for mark in nesting.outer_marks(text):
            element.add(text[begun : mark.start()])
            yield from element.end()
            begun = mark.end()
        element.add(text[begun:])
    if nesting.depth:
        yield InvalidRecord(element.first_line(), _BROKEN_OFF)
    else:
        yield from element.end()


class _Nesting:
    """How deep in brackets, and whether within quotation marks, the text read so far ends."""

    def __init__(self) -> None:
        self.depth = 0
        self._quoted = False

    def outer_marks(self, text: str) -> Iterator[re.Match[str]]:
        """The bracket that opens the array, the commas between its elements, the bracket that closes it."""
        for token in _TOKEN.finditer(text):
            sign = token[0]
            if sign == '"':
                self._quoted = not self._quoted
            elif self._quoted or sign.startswith("\\"):
                continue
            elif self._is_outer(sign):
                yield token

    def _is_outer(self, sign: str) -> bool:
        if sign == ",":
            return self.depth == 1
        opens = sign in "[{"
        self.depth += 1 if opens else -1
        return self.depth == (1 if opens else 0)


class _Element:
    """The element being read, block by block, and the line that it begins in."""

    def __init__(self) -> None:
        self._line = 1
        self._parts: list[str] = []
        self._length = self._lines_dropped = 0

    def add(self, text: str) -> None:
        kept = max(0, RECORD_LIMIT - self._length)
        self._length += len(text)
        if kept:
            self._parts.append(text[:kept])
        self._lines_dropped += text.count("\n", kept)

    def first_line(self) -> int:
        text = "".join(self._parts)
        return self._line + text[: len(text) - len(text.lstrip())].count("\n")

    def end(self) -> Iterator[Line | InvalidRecord]:
        """The element that is complete now, if it is more than white space; the next begins."""
        text, first = "".join(self._parts), self.first_line()
        if self._length > RECORD_LIMIT:
            yield InvalidRecord(first, f"longer than {RECORD_LIMIT:,} characters")
        elif text.strip():
            yield Line(first, text)
        self._line += text.count("\n") + self._lines_dropped
        self._parts, self._length, self._lines_dropped = [], 0, 0
