"""What was said before a question, as the context that it is asked with: the oldest turns are left out first.

A conversation is one question to whoever learns from it: its last turn is what is asked. So a prompt is built
as for any other question, in `conversation`, wherever it is built.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

USER, ASSISTANT = "User", "Assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, with the text that it came with, and what was answered."""

    asked: str
    answered: str


def in_lines(said: Iterable[tuple[str, str]]) -> str:
    """What each of these speakers said, as the context of what is asked next."""
    return "\n".join(f"{speaker}: {text}" for speaker, text in said)


def as_context(turns: Sequence[Turn]) -> str:
    return in_lines(
        line for turn in turns for line in ((USER, turn.asked.strip()), (ASSISTANT, turn.answered.strip()))
    )


def newest(turns: Sequence[Turn], *, limit: int) -> tuple[Turn, ...]:
    """As many of the newest turns as make a context of at most `limit` characters."""
    kept = tuple(turns)
    while kept and len(as_context(kept)) > limit:
        kept = kept[1:]
    return kept


def without_oldest(turns: Sequence[Turn], *, share: float) -> tuple[Turn, ...]:
    """At least the oldest turn less, and no more than this share of what they are as a context."""
    return newest(turns[1:], limit=int(len(as_context(turns)) * share))
