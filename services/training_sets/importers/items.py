"""Evaluation items as JSON: question, context, domain, audience, reference, answer_key."""

from collections.abc import Iterator
from typing import BinaryIO

from services.training_sets.importers.fields import question_of, text_of
from services.training_sets.importers.json_rows import read_json
from services.training_sets.importers.records import ImportedItem, Read
from services.training_sets.importers.rows import Fields, Reading, parse_rows


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_json(file), _parse, reading)


def _parse(fields: Fields, reading: Reading) -> Iterator[ImportedItem]:
    yield ImportedItem(
        question_of(fields, reading), text_of(fields, ("reference",)), text_of(fields, ("answer_key",))
    )
