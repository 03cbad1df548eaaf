"""Importing files into a persona: every record that can be stored is, every one that cannot is reported.

Reading the formats is `importers`, the rows are `import_rows`, writing them is `storing`.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy.orm import Session

from services.db.feedback_tables import PersonaRow
from services.errors.inputs import InvalidRecord
from services.errors.tree import InvalidInput
from services.training_sets.import_rows import Origin, Rows
from services.training_sets.importers.formats import FormatName, read_file
from services.training_sets.importers.records import ImportedExample, ImportedItem, Read
from services.training_sets.importers.rows import Reading
from services.training_sets.storing import store

logger = logging.getLogger(__name__)

_BATCH = 2_000  # records
_TELL_EVERY = 10_000  # records


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records became rows, how many were there already, and what was wrong with the others."""

    added: int
    already_there: int
    rejected: tuple[InvalidRecord, ...]


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file or a folder of files to import, its format, and what a person knows of it beyond."""

    path: Path
    format: FormatName = FormatName.INSTRUCTIONS
    reading: Reading = field(default_factory=Reading)


def import_file(session: Session, persona: PersonaRow, file: ImportFile, *, at: datetime) -> Imported:
    """Store what the file holds. Raters are known by the file's name and theirs in it.

    Raises InvalidInput for a file that cannot be opened.
    """
    name = Path(file.path.resolve().name.removesuffix(".gz"))
    source = name.name if file.path.is_dir() else name.stem
    reads = read_file(file.path, file.format, file.reading)
    readable = source.encode("utf-8", "replace").decode()  # a file's name may be any bytes
    return import_records(session, persona, reads, source=readable, at=at)


def import_items(session: Session, persona: PersonaRow, file: ImportFile, *, at: datetime) -> Imported:
    """Store questions with known answers, asked only to judge: items, or what else would be demonstrations.

    Raises InvalidInput for a file that cannot be opened or that holds people's opinions.
    """
    reads = (_as_item(read, file.format) for read in read_file(file.path, file.format, file.reading))
    return import_records(session, persona, reads, source=FormatName.ITEMS, at=at)


def import_records(
    session: Session, persona: PersonaRow, reads: Iterable[Read], *, source: str, at: datetime
) -> Imported:
    """Store records batch by batch in the caller's transaction; the same ones again add nothing."""
    origin = Origin(persona.id, source, at)
    stored = added = told = 0
    rejected: list[InvalidRecord] = []
    for batch in _batches(reads):
        rows = Rows(origin)
        for read in batch:
            if isinstance(read, InvalidRecord):
                rejected.append(read)
            else:
                rows.add(read)
                stored += 1
        added += store(session, persona, rows)
        if stored + len(rejected) >= told + _TELL_EVERY:
            told = stored + len(rejected)
            logger.info("%s: %d records read, %d of them rejected", source, told, len(rejected))
    return Imported(added, stored - added, tuple(rejected))


def _as_item(read: Read, name: FormatName) -> Read:
    """A demonstration's answer is the reference; where it is a letter, it is the key too."""
    match read:
        case ImportedExample(question=question, completion=answer):
            return ImportedItem(question, answer, answer_key=answer if name is FormatName.MCQ else "")
        case ImportedItem() | InvalidRecord():
            return read
        case _:
            raise InvalidInput(
                f"The format {name} holds opinions, and items are questions with known answers."
            )


def _batches(reads: Iterable[Read]) -> Iterator[list[Read]]:
    remaining = iter(reads)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
