"""Reading files of examples and evaluation items: JSONL; a bad line is reported and the rest is kept.

Examples come as {"instruction", "input", "output"} or as {"question", "context", "domain", "audience",
"answer"}; items as {"question", "context", "domain", "audience", "reference", "answer_key"}.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.db.feedback_tables import EvaluationItemRow, PersonaRow, SeedExampleRow
from services.db.splits import draw_split
from services.domain.conversation import Question, check_question, check_text
from services.domain.feedback import CORRECTION_LIMIT
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.domain.splits import prompt_key, split_key
from services.domain.training import digest_of
from services.errors.inputs import InvalidRecord
from services.errors.tree import InvalidInput

_ANSWER_FIELDS = ("answer", "output")
_QUESTION_FIELDS = ("question", "instruction")
_CONTEXT_FIELDS = ("context", "input")


@dataclass(frozen=True, slots=True)
class Imported:
    """How many lines became rows, how many were there already, and what was wrong with the others."""

    added: int
    already_there: int
    rejected: tuple[InvalidRecord, ...]


def import_examples(session: Session, persona: PersonaRow, lines: Iterable[str], *, at: datetime) -> Imported:
    """Store demonstrations; the split of each prompt is drawn as for any prompt first seen."""

    def store(record: dict[str, Any]) -> bool:
        question = _question(record)
        completion = check_text("answer", _first(record, _ANSWER_FIELDS), limit=CORRECTION_LIMIT)
        key = split_key(question)
        draw_split(session, persona=persona, key=key, at=at)
        digest = digest_of([prompt_key(question), completion])
        added = session.scalar(
            insert(SeedExampleRow)
            .values(
                persona_id=persona.id,
                text=question.text,
                context=question.context,
                domain=question.domain,
                audience=question.audience,
                completion=completion,
                prompt_key=prompt_key(question),
                split_key=key,
                digest=digest,
                imported_at=at,
            )
            .on_conflict_do_nothing(index_elements=["persona_id", "digest"])
            .returning(SeedExampleRow.id)
        )
        return added is not None

    return _import(lines, store)


def import_items(session: Session, persona: PersonaRow, lines: Iterable[str], *, at: datetime) -> Imported:
    """Store questions with known answers, asked only to judge."""

    def store(record: dict[str, Any]) -> bool:
        question = _question(record)
        added = session.scalar(
            insert(EvaluationItemRow)
            .values(
                persona_id=persona.id,
                text=question.text,
                context=question.context,
                domain=question.domain,
                audience=question.audience,
                reference=check_text("reference", _first(record, ("reference",)), limit=CORRECTION_LIMIT),
                answer_key=check_text("answer key", _first(record, ("answer_key",)), limit=200),
                prompt_key=prompt_key(question),
                split_key=split_key(question),
                imported_at=at,
            )
            .on_conflict_do_nothing(index_elements=["persona_id", "prompt_key"])
            .returning(EvaluationItemRow.id)
        )
        return added is not None

    return _import(lines, store)


def _import(lines: Iterable[str], store: Callable[[dict[str, Any]], bool]) -> Imported:
    added = already_there = 0
    rejected: list[InvalidRecord] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            if store(_record(number, line)):
                added += 1
            else:
                already_there += 1
        except InvalidRecord as error:
            rejected.append(error)
        except InvalidInput as error:
            rejected.append(InvalidRecord(number, str(error).rstrip(".")))
    return Imported(added, already_there, tuple(rejected))


def _record(number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidRecord(number, f"not JSON: {error.msg}") from error
    except ValueError as error:
        raise InvalidRecord(number, "it holds a number of thousands of digits") from error
    except RecursionError as error:
        raise InvalidRecord(number, "it is nested too deeply") from error
    if not isinstance(record, dict):
        raise InvalidRecord(number, "not a JSON object")
    return record


def _question(record: dict[str, Any]) -> Question:
    return check_question(
        Question(
            text=_first(record, _QUESTION_FIELDS),
            context=_first(record, _CONTEXT_FIELDS),
            domain=_first(record, ("domain",)) or DEFAULT_DOMAIN,
            audience=_first(record, ("audience",)) or DEFAULT_AUDIENCE,
        )
    )


def _first(record: dict[str, Any], names: Iterable[str]) -> str:
    """The first of these fields that is there; empty when none is. Anything but text is refused."""
    for name in names:
        if name in record:
            value = record[name]
            if not isinstance(value, str):
                raise InvalidInput(f"{name} is not text")
            return value
    return ""
