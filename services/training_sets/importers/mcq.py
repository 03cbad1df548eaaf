"""Multiple choice questions as CSV: question, options, and which is right; answered by a letter.

Options stand in columns of their own (A, B, …; option_a, option_b, …; option1, option2, …) or in one column
as JSON. The right one is named by its letter or by its text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from string import ascii_uppercase
from typing import BinaryIO

from services.errors.tree import InvalidInput
from services.training_sets.importers.csv_rows import read_csv
from services.training_sets.importers.fields import QUESTION, as_text, question_of, text_of
from services.training_sets.importers.records import ImportedExample, Read
from services.training_sets.importers.rows import Fields, Reading, parse_rows

_COLUMN = re.compile(r"(?:(?:option|choice)[ _]?)?(?:(?P<letter>[a-z])|(?P<number>\d\d?))")
_IN_ONE = ("options", "choices")
_RIGHT = ("answer", "answer_idx", "correct", "correct_answer", "label")


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_csv(file), _parse, reading)


def _parse(fields: Fields, reading: Reading) -> Iterator[ImportedExample]:
    options = _options(fields)
    if len(options) < 2:
        raise InvalidInput("there are fewer than two options")
    listed = "\n".join(f"{letter}. {option}" for letter, option in options.items())
    text = f"{text_of(fields, QUESTION).strip()}\n{listed}"
    yield ImportedExample(question_of(fields, reading, text=text), _letter(text_of(fields, _RIGHT), options))


def _options(fields: Fields) -> Mapping[str, str]:
    """Options that are not empty, by letter; empty columns are those of questions with fewer options."""
    for name in _IN_ONE:
        if name in fields:
            return _stripped(_in_one(as_text(name, fields[name])))
    columns = [name for name in fields if _COLUMN.fullmatch(name)]
    lettered = (_COLUMN.fullmatch(name) for name in columns)
    named = all(found is not None and found["letter"] for found in lettered)
    letters = [name[-1].upper() for name in columns] if named else list(ascii_uppercase)
    return _stripped(
        {letter: as_text(name, fields[name]) for letter, name in zip(letters, columns, strict=False)}
    )


def _in_one(written: str) -> Mapping[str, str]:
    try:
        options = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the options are not JSON") from error
    if isinstance(options, list):
        options = dict(zip(ascii_uppercase, options, strict=False))
    if not isinstance(options, dict):
        raise InvalidInput("the options are neither a list nor an object")
    return {letter.strip().upper(): as_text(f"option {letter}", option) for letter, option in options.items()}


def _stripped(options: Mapping[str, str]) -> Mapping[str, str]:
    return {letter: option.strip() for letter, option in options.items() if option.strip()}


def _letter(right: str, options: Mapping[str, str]) -> str:
    wanted = right.strip()
    letter = wanted.strip("().").upper()
    if letter in options:
        return letter
    same = [letter for letter, option in options.items() if option.casefold() == wanted.casefold()]
    if len(same) != 1:
        raise InvalidInput(f"the answer {wanted[:40]!r} names no option ({', '.join(options)})")
    return same[0]
