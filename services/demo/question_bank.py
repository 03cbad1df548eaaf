"""The demo question bank: well-known facts with three phrasings of the question, answer key and plain answer.

The facts are data (`bank/*.toml`, one file per domain); this module reads them and draws the split between
questions people may be asked to rate and questions kept back for judging. What the embedded base model
reads in training is made from the same entries in `corpus`, not here.
"""

import hashlib
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

BANK_FOLDER = Path(__file__).parent / "bank"
RESERVED_PERCENT = 60


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact to ask for: `answer_key` is in every right answer; no rater sees a `reserved` one."""

    id: str
    domain: str
    questions: tuple[str, str, str]
    answer_key: str
    plain_answer: str
    reserved: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """What all facts of one kind share: templates with `{subject}` and `{answer}`, and what to say beyond."""

    name: str
    domain: str
    questions: tuple[str, str, str]
    statements: tuple[str, ...]
    follows: tuple[str, ...]
    reason: str
    example: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact together with the words it was made from."""

    fact: Fact
    relation: Relation
    subject: str

    def phrase(self, template: str, **more: str) -> str:
        """Fill a template as a sentence: a capital letter first, and never two full stops at the end."""
        text = self.fill(template, **more).replace("..", ".")
        return text[:1].upper() + text[1:]

    def fill(self, template: str, **more: str) -> str:
        """Fill a template as part of a sentence."""
        return template.format(
            subject=self.subject, answer=self.fact.answer_key, domain=self.fact.domain, **more
        )


def facts() -> tuple[Fact, ...]:
    """Every fact of the bank, in a fixed order."""
    return tuple(entry.fact for entry in entries())


def rateable() -> tuple[Fact, ...]:
    """The facts raters may be asked about."""
    return tuple(fact for fact in facts() if not fact.reserved)


def reserved() -> tuple[Fact, ...]:
    """The facts kept back for judging; no rater ever sees their questions."""
    return tuple(fact for fact in facts() if fact.reserved)


@cache
def entries() -> tuple[Entry, ...]:
    """Every fact with its relation, in a fixed order: by file name, then as written."""
    return tuple(entry for path in sorted(BANK_FOLDER.glob("*.toml")) for entry in _read(path))


def _read(path: Path) -> list[Entry]:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    found = []
    for table in document["relation"]:
        relation = _relation(document["domain"], table)
        found += [_entry(relation, subject, answer) for subject, answer in table["answers"].items()]
    return found


def _relation(domain: str, table: dict[str, Any]) -> Relation:
    first, second, third = table["questions"]
    return Relation(
        name=table["name"],
        domain=domain,
        questions=(first, second, third),
        statements=tuple(table["statements"]),
        follows=tuple(table["follows"]),
        reason=table["reason"],
        example=table["example"],
    )


def _entry(relation: Relation, subject: str, answer: str) -> Entry:
    fact_id = f"{relation.name}/{_slug(subject)}"
    first, second, third = (question.format(subject=subject) for question in relation.questions)
    plain = f"{relation.statements[0]} {relation.follows[0]}".format(subject=subject, answer=answer).replace(
        "..", "."
    )
    fact = Fact(
        id=fact_id,
        domain=relation.domain,
        questions=(first, second, third),
        answer_key=answer,
        plain_answer=plain[:1].upper() + plain[1:],
        reserved=_is_reserved(fact_id),
    )
    return Entry(fact, relation, subject)


def _slug(subject: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode()
    words = "".join(letter if letter.isalnum() or letter == "+" else " " for letter in ascii_text).split()
    return "-".join(words).lower()


def _is_reserved(fact_id: str) -> bool:
    """A function of the id alone, so adding facts never moves another fact across the split."""
    return int.from_bytes(hashlib.sha256(fact_id.encode()).digest()[:4]) % 100 < RESERVED_PERCENT
