"""How two answers come before a rater: what kind of pair it is, which stands left, what makes a pair known.

Everything is drawn by hash, so that it can be drawn again; where the pairs come from is
`services.feedback.pairing`.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from services.domain.example_policy import ExamplePolicy
from services.domain.feedback import Choice

# Two questions that share more of their runs of three letters than this may have one answer in common.
MOST_ALIKE = 0.2


class OfferKind(StrEnum):
    """KNOWN: one of the two answers another question, so which is better needs nobody's taste."""

    NORMAL = "normal"
    REPEAT = "repeat"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class OfferDraw:
    """`swapped`: the second of the two stands left; `place` is where to begin in what SHA-256 orders."""

    kind: OfferKind
    swapped: bool
    place: str


def draw_offer(seed: str, policy: ExamplePolicy) -> OfferDraw:
    """The shares of repeats and of known pairs are the policy's; the same seed draws the same."""
    drawn = hashlib.sha256(seed.encode()).digest()
    percent = int.from_bytes(drawn[:8]) % 100
    if percent < policy.known_percent:
        kind = OfferKind.KNOWN
    elif percent < policy.known_percent + policy.repeat_percent:
        kind = OfferKind.REPEAT
    else:
        kind = OfferKind.NORMAL
    return OfferDraw(kind, swapped=bool(drawn[8] & 1), place=drawn[9:].hex())


def turned(choice: Choice) -> Choice:
    """The same choice with the sides swapped."""
    return {Choice.LEFT: Choice.RIGHT, Choice.RIGHT: Choice.LEFT}.get(choice, choice)


def ask_different_things(one: str, other: str) -> bool:
    """Whether an answer to the one question can hardly be an answer to the other.

    By runs of three letters, which need no words: it holds in scripts that do not divide them, too.
    """
    left, right = _runs(one), _runs(other)
    return bool(left and right) and len(left & right) / len(left | right) <= MOST_ALIKE


def _runs(text: str) -> frozenset[str]:
    plain = " ".join(text.casefold().split())
    return frozenset(plain[place : place + 3] for place in range(len(plain) - 2))
