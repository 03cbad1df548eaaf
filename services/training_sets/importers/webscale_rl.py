"""Webscale-RL records: domain, persona, context, question, answer; their persona is our audience."""

from collections.abc import Iterator
from typing import BinaryIO

from services.training_sets.importers.fields import ANSWER, question_of, text_of
from services.training_sets.importers.json_rows import read_json
from services.training_sets.importers.records import ImportedExample, Read
from services.training_sets.importers.rows import Fields, Reading, parse_rows


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_json(file), _parse, reading)


def _parse(fields: Fields, reading: Reading) -> Iterator[ImportedExample]:
    question = question_of(fields, reading, audience=("persona", "audience"))
    yield ImportedExample(question, text_of(fields, ANSWER))
