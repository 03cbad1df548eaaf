"""instruction/input/output files, with optional domain, audience, language and personality.

Any other field is a variable of the prompt and becomes a line "Name: value" of the context. Where all of a
prompt is in `input` ("Student age: 7, Topic: Photosynthesis. Generate a story."), it is taken apart the same
way.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from services.training_sets.importers.fields import (
    ANSWER,
    CONTEXT,
    QUESTION,
    context_of,
    optional_text,
    question_of,
    scalar_text,
    text_of,
)
from services.training_sets.importers.json_rows import read_json
from services.training_sets.importers.records import ImportedExample, Read
from services.training_sets.importers.rows import Fields, Reading, parse_rows

_ITS_OWN = frozenset({*QUESTION, *CONTEXT, *ANSWER, "domain", "audience", "language", "lang"})
# What people note of a record; a model that read it would learn to answer by it. `text` is, in many files,
# the whole prompt with its answer.
_NOTES = frozenset({"id", "idx", "index", "source", "split", "license", "text"})
_VARIABLE = r"[A-Z][\w ]{0,30}: [^,:\n]+"
_VARIABLES = re.compile(rf"{_VARIABLE}(?:, {_VARIABLE})*")
_VARIABLES_AND_TASK = re.compile(
    rf"(?P<variables>{_VARIABLE}?(?:, {_VARIABLE}?)*)\. (?P<task>\S.*)", re.DOTALL
)


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    return parse_rows(read_json(file), _parse, reading)


def _parse(fields: Fields, reading: Reading) -> Iterator[ImportedExample]:
    task, beside = optional_text(fields, QUESTION) or "", context_of(fields)
    if not task.strip():
        apart = _VARIABLES_AND_TASK.fullmatch(beside.strip())
        task, beside = (apart["task"], apart["variables"]) if apart else (beside, "")
    if _VARIABLES.fullmatch(beside.strip()):
        beside = "\n".join(beside.strip().split(", "))
    context = "\n".join([*_variables(fields), *([beside] if beside.strip() else [])])
    apart_from_context = {name: value for name, value in fields.items() if name not in CONTEXT}
    question = question_of(apart_from_context, reading, text=task, context=context)
    yield ImportedExample(question, text_of(fields, ANSWER))


def _variables(fields: Fields) -> Iterator[str]:
    for name, value in fields.items():
        plain = scalar_text(value)
        if name not in _ITS_OWN | _NOTES and plain:
            yield f"{name.replace('_', ' ').capitalize()}: {plain}"
