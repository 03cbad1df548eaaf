"""What simulated raters write in place of an answer: the fact first, then its ground, then how it shows.

One tenth of them are mistaken and write another fact of the same kind. How they judge is `opinions`.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from services.demo.chance import choose, draw
from services.demo.question_bank import Entry, entries

MANNERS_FILE = Path(__file__).parent / "manners.toml"
MISTAKEN_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Manner:
    """Templates of one kind of writer: sentences that give the ground, and sentences that show the fact."""

    grounds: tuple[str, ...]
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BetterAnswer:
    """A correction; `mistaken` tells the demo, and nobody else, that its fact is wrong."""

    text: str
    mistaken: bool


def better_answer(entry: Entry, phrasing: int, audience: str, *, seed: int, rater: int) -> BetterAnswer:
    """What this rater writes for question number `phrasing` (0 to 2) of the fact."""
    key = (seed, rater, entry.fact.id, phrasing)
    mistaken = draw(*key, "mistaken") < MISTAKEN_SHARE
    answer = _another_answer(entry, key) if mistaken else entry.fact.answer_key
    manner, relation = manners()[audience], entry.relation

    def filled(template: str) -> str:
        return template.format(subject=entry.subject, answer=answer, domain=relation.domain)

    # A person answers in the words of the question, so the statement of the same number comes first.
    statement = filled(relation.statements[phrasing % len(relation.statements)])
    clauses = {
        "domain": relation.domain,
        "reason": filled(relation.reason),
        "example": filled(relation.example),
    }
    grounds = choose(manner.grounds, *key, "grounds").format(**clauses)
    shown = choose(manner.shown, *key, "shown").format(**clauses)
    return BetterAnswer(" ".join(map(_sentence, (statement, grounds, shown))), mistaken)


@cache
def manners() -> dict[str, Manner]:
    """The manner of writing for each audience."""
    table = tomllib.loads(MANNERS_FILE.read_text(encoding="utf-8"))
    return {
        audience: Manner(tuple(manner["grounds"]), tuple(manner["shown"]))
        for manner in table["manner"]
        for audience in manner["audiences"]
    }


def _another_answer(entry: Entry, key: tuple[int, int, str, int]) -> str:
    """The answer of another fact of the same kind: the mistake people make."""
    others = sorted(
        {
            other.fact.answer_key
            for other in entries()
            if other.relation.name == entry.relation.name and other.fact.answer_key != entry.fact.answer_key
        }
    )
    return choose(others, *key, "which")


def _sentence(text: str) -> str:
    ended = text.replace("..", ".")
    return ended[:1].upper() + ended[1:]
