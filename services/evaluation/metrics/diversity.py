"""How much answers repeat themselves, and how varied they are together. Words are told by white space."""

from collections.abc import Sequence
from itertools import islice

_REPEATED = 4  # words in a row


def repetition(answer: str) -> float:
    """Share of the runs of four words that came up before in the answer (Welleck et al. 2020, seq-rep-4).

    0.0 for an answer without such a run.
    """
    runs = _runs(answer, _REPEATED)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def distinct(answers: Sequence[str], length: int) -> float:
    """Different runs of `length` words over all words of the answers together (Li et al. 2016); 0.0 of none.

    It falls with the number of words: only answers to the same questions are comparable.
    """
    words = sum(len(answer.split()) for answer in answers)
    different = {run for answer in answers for run in _runs(answer, length)}
    return len(different) / words if words else 0.0


def _runs(text: str, length: int) -> list[tuple[str, ...]]:
    words = text.casefold().split()
    return list(zip(*(islice(words, start, None) for start in range(length)), strict=False))
