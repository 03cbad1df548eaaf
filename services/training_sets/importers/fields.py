"""Picking texts and questions out of a row: the names that formats use for one thing, and what is refused."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from services.domain.conversation import Question, in_language
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.errors.tree import InvalidInput
from services.training_sets.importers.rows import Fields, Reading

QUESTION: Final = ("question", "instruction", "prompt")
CONTEXT: Final = ("context", "input", "passage", "passages")
ANSWER: Final = ("answer", "output", "completion", "response")


def text_of(fields: Fields, names: Sequence[str]) -> str:
    """The first of these fields that is there and not null; raises InvalidInput when none is, or no text."""
    found = optional_text(fields, names)
    if found is None:
        raise InvalidInput(f"there is no {names[0]}; the record has {_listed(fields)}")
    return found


def optional_text(fields: Fields, names: Sequence[str]) -> str | None:
    """The first of these fields that is there and not null, or None; anything but text is refused."""
    for name in names:
        value = fields.get(name)
        if value is not None:
            return as_text(name, value)
    return None


def as_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is not text")
    return value


def scalar_text(value: object) -> str | None:
    """A text, number or yes-or-no as a person reads it; None for anything else."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value).strip() if isinstance(value, str | int | float) else None


def question_of(
    fields: Fields,
    reading: Reading,
    *,
    text: str = "",
    context: str = "",
    audience: Sequence[str] = ("audience",),
) -> Question:
    """The question of a row; `text` and `context` where the format makes them of more than one field.

    Where the question is blank, what stands beside it is the question.
    """
    asked, beside = text or text_of(fields, QUESTION), context or context_of(fields)
    if not asked.strip():
        asked, beside = beside, ""
    return Question(
        text=asked,
        context=beside,
        domain=optional_text(fields, ("domain",)) or DEFAULT_DOMAIN,
        audience=in_language(
            optional_text(fields, audience) or DEFAULT_AUDIENCE,
            optional_text(fields, ("language", "lang")) or reading.language,
        ),
    )


def context_of(fields: Fields) -> str:
    """What stands beside the question; passages, however nested, become lines."""
    for name in CONTEXT:
        value = fields.get(name)
        if value is not None:
            return "\n".join(_texts(name, value))
    return ""


def _texts(name: str, value: object, *, levels: int = 3) -> Iterable[str]:
    if not isinstance(value, list):
        yield as_text(name, value)
        return
    if not levels:
        raise InvalidInput(f"{name} is nested too deeply")
    for part in value:
        yield from _texts(name, part, levels=levels - 1)


def _listed(fields: Fields) -> str:
    names = ", ".join(list(fields)[:8])
    return names[:200] or "no fields"
