"""What was changed of a text to make another one of it, word by word, for a page. No markup lives here."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = re.compile(r"\S+\s*|\s+")
LONGEST = 4_000  # words of each text: finding what two longer ones share takes too long for a page


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text that both have, or that was taken out, or put in."""

    kind: str  # "same", "out", "in"
    text: str


def difference(before: str, after: str) -> list[Part]:
    """The parts of both texts in their order; of texts that are too long, each as a whole."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    if max(len(old), len(new)) > LONGEST:
        return [Part("out", before), Part("in", after)]
    matcher = difflib.SequenceMatcher(None, old, new)
    return [
        part
        for _, begin, end, new_begin, new_end in matcher.get_opcodes()
        for part in _parts("".join(old[begin:end]), "".join(new[new_begin:new_end]))
    ]


def _parts(old: str, new: str) -> Iterator[Part]:
    if old == new:
        yield Part("same", old)
        return
    if old:
        yield Part("out", old)
    if new:
        yield Part("in", new)
