"""TruthfulQA's CSV, as published: https://arxiv.org/abs/2109.07958

The best answer beside each incorrect one; either as comparisons, or as thumbs of each
answer. Its categories are domains.
"""

from collections.abc import Iterator
from typing import BinaryIO

from services.domain.conversation import Question
from services.domain.feedback import Choice, Thumb
from services.errors.tree import InvalidInput
from services.training_sets.importers.csv_rows import read_csv
from services.training_sets.importers.fields import question_of, text_of
from services.training_sets.importers.records import ImportedComparison, ImportedRating, Read
from services.training_sets.importers.rows import Fields, Reading, parse_rows

_RATER = "author"  # who wrote the questions says which answers are right


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_csv(file), _comparisons, reading)


def read_thumbs(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_csv(file), _thumbs, reading)


def _comparisons(fields: Fields, reading: Reading) -> Iterator[ImportedComparison]:
    question, best, incorrect = _answers(fields, reading)
    for answer in incorrect:
        yield ImportedComparison(question, best, answer, Choice.LEFT, _RATER)


def _thumbs(fields: Fields, reading: Reading) -> Iterator[ImportedRating]:
    question, best, incorrect = _answers(fields, reading)
    yield ImportedRating(question, best, Thumb.UP, _RATER)
    for answer in incorrect:
        yield ImportedRating(question, answer, Thumb.DOWN, _RATER)


def _answers(fields: Fields, reading: Reading) -> tuple[Question, str, list[str]]:
    question = question_of({**fields, "domain": text_of(fields, ("category",))}, reading)
    incorrect = [answer.strip() for answer in text_of(fields, ("incorrect answers",)).split(";")]
    distinct = [answer for answer in dict.fromkeys(incorrect) if answer]
    if not distinct:
        raise InvalidInput("there is no incorrect answer")
    return question, text_of(fields, ("best answer",)), distinct
