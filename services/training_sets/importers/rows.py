"""Rows of named fields, whatever the file's syntax: renamed as a person asked, parsed, checked one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from services.errors.inputs import InvalidRecord
from services.errors.tree import InvalidInput
from services.training_sets.importers.records import Read, Record, checked

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it stands in the file; `line` is where it begins."""

    line: int
    fields: Fields


@dataclass(frozen=True, slots=True)
class Reading:
    """What a person knows of a file that the file does not say.

    `names`: a format's name of a field → the file's name of it, or several, which become a mapping of theirs.
    `language`: of all that does not name its own.
    """

    names: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    language: str = ""


Parse = Callable[[Fields, Reading], Iterable[Record]]


def parse_rows(rows: Iterable[Row | InvalidRecord], parse: Parse, reading: Reading) -> Iterator[Read]:
    """Records of all rows; what is wrong with a row or a record of it is reported with the row's line."""
    empty = True
    for row in rows:
        empty = False
        if isinstance(row, InvalidRecord):
            yield row
        else:
            yield from _parse_row(row, parse, reading)
    if empty:
        yield InvalidRecord(1, "the file holds no records")


def check_each(line: int, records: Iterable[Record]) -> Iterator[Read]:
    """The records that can be stored, and a report of each that cannot."""
    for record in records:
        try:
            yield checked(record)
        except InvalidInput as error:
            yield report(line, error)


def report(line: int, error: InvalidInput) -> InvalidRecord:
    """A fresh report: an error that was raised would hold on to all that its frames hold."""
    return InvalidRecord(line, str(error).rstrip("."))


def _parse_row(row: Row, parse: Parse, reading: Reading) -> Iterator[Read]:
    try:
        records = list(parse(_renamed(row.fields, reading.names), reading))
    except InvalidInput as error:
        yield report(row.line, error)
    else:
        yield from check_each(row.line, records)


def _renamed(fields: Fields, names: Mapping[str, tuple[str, ...]]) -> Fields:
    if not names:
        return fields
    theirs = {ours: [_found(fields, name) for name in several] for ours, several in names.items()}
    taken = {name for several in theirs.values() for name in several}
    renamed = {name: value for name, value in fields.items() if name not in taken}
    for ours, several in theirs.items():
        renamed[ours] = fields[several[0]] if len(several) == 1 else {name: fields[name] for name in several}
    return renamed


def _found(fields: Fields, name: str) -> str:
    """The name as the row has it; names of CSV columns are in lower case."""
    for spelt in (name, name.lower()):
        if spelt in fields:
            return spelt
    raise InvalidInput(f"there is no {name}; the record has {', '.join(list(fields)[:8])[:200]}")
