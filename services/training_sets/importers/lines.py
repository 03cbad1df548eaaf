"""Bytes of an imported file as text, piece by piece: numbered lines, or blocks for a file without lines.

Nothing of the file's size is held. Bytes that are not UTF-8 stay recognisable (`is_broken`), so that one of
them costs its own record and no other.
"""

import codecs
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from services.errors.inputs import InvalidRecord

RECORD_LIMIT = 16 * 2**20  # bytes of a line, characters of an element
_BLOCK = 2**18  # bytes
_ESCAPED = re.compile(r"[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str


def read_lines(file: BinaryIO) -> Iterator[Line | InvalidRecord]:
    """The lines with their ends, without a byte order mark; one beyond the limit is reported instead."""
    for number, raw in enumerate(_raw_lines(file), start=1):
        if isinstance(raw, str):
            yield InvalidRecord(number, raw)
            continue
        text = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        yield Line(number, text.decode("utf-8", "surrogateescape"))


def read_blocks(file: BinaryIO) -> Iterator[str | InvalidRecord]:
    """The text in blocks, a byte order mark aside; InvalidRecord, the last, where it cannot be unpacked."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    for raw in read_bytes(file):
        yield raw if isinstance(raw, InvalidRecord) else decoder.decode(raw, final=not raw)


def read_bytes(file: BinaryIO) -> Iterator[bytes | InvalidRecord]:
    """The bytes in blocks, the last one empty; InvalidRecord in its place where they cannot be unpacked."""
    while True:
        try:
            raw = file.read(_BLOCK)
        except (EOFError, OSError, zlib.error) as error:
            yield InvalidRecord(1, f"the compressed file breaks off: {error}")
            return
        yield raw
        if not raw:
            return


def is_broken(text: str) -> bool:
    """Whether the text holds bytes that are not UTF-8."""
    return _ESCAPED.search(text) is not None


def _raw_lines(file: BinaryIO) -> Iterator[bytes | str]:
    """Each line, or the reason why it cannot be had."""
    while True:
        try:
            raw = file.readline(RECORD_LIMIT + 1)
            too_long = len(raw) > RECORD_LIMIT
            while len(raw) > RECORD_LIMIT and not raw.endswith(b"\n"):
                raw = file.readline(RECORD_LIMIT + 1)
        except (EOFError, OSError, zlib.error) as error:
            yield f"the compressed file breaks off: {error}"
            return
        if too_long:
            yield f"longer than {RECORD_LIMIT:,} bytes"
        elif raw:
            yield raw
        else:
            return
