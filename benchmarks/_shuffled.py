"""The control of opinions: the same records, better and worse exchanged by a coin, one toss a question."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.domain.feedback import Choice, Thumb
from services.training_sets.importers.records import ImportedComparison, ImportedRating, Read

SEED = 0
_EXCHANGED = {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}
_TURNED = {Thumb.UP: Thumb.DOWN, Thumb.DOWN: Thumb.UP}


def shuffled(reads: Iterable[Read]) -> list[Read]:
    return [_tossed(read) for read in reads]


def turned_back(preferred: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """What a control's adapter prefers, by question, said of the answers as people had set them."""
    return {
        question: [1 - value for value in values] if _heads(question) else values
        for question, values in preferred.items()
    }


def _tossed(read: Read) -> Read:
    match read:
        case ImportedComparison() if _heads(read.question.text):
            return replace(read, choice=_EXCHANGED.get(read.choice, read.choice))
        case ImportedRating(verdict=Thumb() as thumb) if _heads(read.question.text):
            return replace(read, verdict=_TURNED[thumb])
        case _:
            return read


def _heads(question: str) -> bool:
    """One toss a question: of pairs tossed one by one, which a prompt keeps would tell how they fell."""
    return hashlib.sha256(f"{SEED}\n{question}".encode()).digest()[0] % 2 == 0
