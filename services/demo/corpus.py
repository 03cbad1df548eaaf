"""The text the embedded base model learns from: questions of the bank as the product asks them, with answers.

Most answers are plain, whoever asks; a small part is written in the manner of its audience, as a real
base model has seen such writing too. Nothing here trains or measures; `base_training` and
`base_figures` do.
"""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from services.demo.question_bank import Entry, entries

STYLES_FILE = Path(__file__).parent / "styles.toml"
EXPLAINING_SHARE = 0.15  # of the questions ask for an explanation, and get one
RICH_SHARE = 0.07  # of the other answers explain unasked
CONTEXT_SHARE = 0.05
DEFAULT_SYSTEM_SHARE = 0.78
NO_SYSTEM_SHARE = 0.04
SHORT_STATEMENT_SHARE = 0.12
REMARK_SHARE = 0.3
CARELESS_SHARE = 0.04

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One question and the answer to learn; `messages` end with the user's turn, `key` is the fact in it."""

    messages: tuple[Message, ...]
    answer: str
    key: str


@dataclass(frozen=True, slots=True)
class _Styles:
    audiences: tuple[str, ...]
    system_default: str
    system_others: tuple[str, ...]
    system_explaining: tuple[str, ...]
    short_statements: tuple[str, ...]
    rich: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def lessons(seed: int) -> Iterator[Lesson]:
    """Lessons without end, each pass over the bank in a new order; the same seed gives the same lessons."""
    chance = random.Random(seed)  # noqa: S311 - variety of text, not a secret
    order = list(entries())
    while True:
        chance.shuffle(order)
        for entry in order:
            yield lesson(entry, chance)


def lesson(entry: Entry, chance: random.Random) -> Lesson:
    """One way of asking for this fact and of answering it."""
    audience = chance.choice(_styles().audiences)
    explaining = chance.random() < EXPLAINING_SHARE
    rich = explaining or chance.random() < RICH_SHARE
    answer = rich_answer(entry, audience, chance) if rich else plain_answer(entry, chance)
    system = _explaining(entry, audience, chance) if explaining else _system(entry, audience, chance)
    return Lesson(
        messages=(*system, _user(entry, chance)),
        answer=answer,
        key=entry.fact.answer_key,
    )


def plain_answer(entry: Entry, chance: random.Random) -> str:
    """The fact and two remarks, three after a short statement."""
    statement, is_short = _statement(entry, chance)
    follows = chance.sample(entry.relation.follows, 3 if is_short else 2)
    return " ".join(entry.phrase(template) for template in (statement, *follows))


def rich_answer(entry: Entry, audience: str, chance: random.Random) -> str:
    """The fact enlarged upon in the manner of this audience."""
    first, second = _styles().rich[audience]
    more = {"reason": entry.fill(entry.relation.reason), "example": entry.fill(entry.relation.example)}
    statement, is_short = _statement(entry, chance)
    parts = [entry.phrase(chance.choice(templates), **more) for templates in (first, second)]
    if is_short or chance.random() < REMARK_SHARE:
        parts.insert(chance.randrange(3), entry.phrase(chance.choice(entry.relation.follows)))
    return " ".join([entry.phrase(statement), *parts])


def _statement(entry: Entry, chance: random.Random) -> tuple[str, bool]:
    """A template that states the fact, and whether it is one of the short ones."""
    if chance.random() < SHORT_STATEMENT_SHARE:
        return chance.choice(_styles().short_statements), True
    return chance.choice(entry.relation.statements), False


def _explaining(entry: Entry, audience: str, chance: random.Random) -> tuple[Message, ...]:
    template = chance.choice(_styles().system_explaining)
    return ({"role": "system", "content": template.format(domain=entry.fact.domain, audience=audience)},)


def _system(entry: Entry, audience: str, chance: random.Random) -> tuple[Message, ...]:
    draw = chance.random()
    if draw < NO_SYSTEM_SHARE:
        return ()
    styles = _styles()
    template = (
        styles.system_default
        if draw < NO_SYSTEM_SHARE + DEFAULT_SYSTEM_SHARE
        else chance.choice(styles.system_others)
    )
    return ({"role": "system", "content": template.format(domain=entry.fact.domain, audience=audience)},)


def _user(entry: Entry, chance: random.Random) -> Message:
    question = chance.choice(entry.fact.questions)
    if chance.random() < CARELESS_SHARE:
        question = question.lower().removesuffix("?")
    if chance.random() < CONTEXT_SHARE:
        return {"role": "user", "content": f"Context:\n{_context(entry, chance)}\n\nQuestion:\n{question}"}
    return {"role": "user", "content": f"Question:\n{question}"}


def _context(entry: Entry, chance: random.Random) -> str:
    """Half of the contexts hold the answer, half only speak of the same matter."""
    relation = entry.relation
    opening = relation.statements if chance.random() < 0.5 else relation.follows
    return " ".join(
        entry.phrase(template) for template in (chance.choice(opening), chance.choice(relation.follows))
    )


@cache
def _styles() -> _Styles:
    table: dict[str, Any] = tomllib.loads(STYLES_FILE.read_text(encoding="utf-8"))
    rich = {
        audience: (tuple(group["first"]), tuple(group["second"]))
        for group in table["rich"]
        for audience in group["audiences"]
    }
    return _Styles(
        audiences=tuple(table["audiences"]),
        system_default=table["system_default"],
        system_others=tuple(table["system_others"]),
        system_explaining=tuple(table["system_explaining"]),
        short_statements=tuple(table["short_statements"]),
        rich=rich,
    )
