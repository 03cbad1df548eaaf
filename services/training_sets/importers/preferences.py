"""prompt/chosen/rejected files: texts, or conversations as lists of messages.

A conversation's prompt may stand in `prompt`, or at the head of both `chosen` and `rejected`.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from services.domain.feedback import Choice
from services.errors.tree import InvalidInput
from services.training_sets.importers.fields import QUESTION, as_text, optional_text, question_of
from services.training_sets.importers.json_rows import read_json
from services.training_sets.importers.records import UNNAMED_RATER, ImportedComparison, Read
from services.training_sets.importers.rows import Fields, Reading, parse_rows
from services.training_sets.importers.turns import Turn, asked, turns_of


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_json(file), _parse, reading)


def _parse(fields: Fields, reading: Reading) -> Iterator[ImportedComparison]:
    before, chosen = _side(fields, "chosen")
    before_rejected, rejected = _side(fields, "rejected")
    if before != before_rejected:
        raise InvalidInput("chosen and rejected answer different conversations")
    conversation = (*_prompt(fields), *before)
    if before and _prompt(fields) in {before, before[-1:]}:
        conversation = before  # said twice: beside the conversations and in them
    text, earlier = asked(conversation)
    named: Mapping[str, object] = {name: value for name, value in fields.items() if name not in QUESTION}
    yield ImportedComparison(
        question_of(named, reading, text=text, context=earlier),
        chosen,
        rejected,
        Choice.LEFT,
        rater=optional_text(fields, ("rater", "annotator")) or UNNAMED_RATER,
    )


def _prompt(fields: Fields) -> tuple[Turn, ...]:
    for name in QUESTION:
        value = fields.get(name)
        if isinstance(value, list):
            return turns_of(name, value)
        if value is not None:
            return (Turn("User", as_text(name, value).strip()),)
    return ()


def _side(fields: Fields, name: str) -> tuple[tuple[Turn, ...], str]:
    """What was said before the answer, as far as this side tells it, and the answer."""
    value = fields.get(name)
    if value is None:
        raise InvalidInput(f"there is no {name}")
    if not isinstance(value, list):
        return (), as_text(name, value)
    turns = turns_of(name, value)
    if not turns or turns[-1].speaker != "Assistant":
        raise InvalidInput(f"{name} does not end with an answer of the assistant")
    return turns[:-1], turns[-1].text
