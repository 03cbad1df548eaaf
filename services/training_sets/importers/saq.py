"""Short answer questions as CSV: question and answer, perhaps context, domain, audience, language."""

from collections.abc import Iterator
from typing import BinaryIO

from services.training_sets.importers.csv_rows import read_csv
from services.training_sets.importers.fields import ANSWER, question_of, text_of
from services.training_sets.importers.records import ImportedExample, Read
from services.training_sets.importers.rows import Fields, Reading, parse_rows


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_csv(file), _parse, reading)


def _parse(fields: Fields, reading: Reading) -> Iterator[ImportedExample]:
    yield ImportedExample(question_of(fields, reading), text_of(fields, ANSWER))
