"""A conversation as one question: its last turn is what is asked, the turns before it are the context."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.domain.history import ASSISTANT, USER, in_lines
from services.errors.tree import InvalidInput

_SPEAKERS = {
    "user": USER,
    "human": USER,
    "prompter": USER,
    "assistant": ASSISTANT,
    "system": "Instruction",
}


@dataclass(frozen=True, slots=True)
class Turn:
    speaker: str  # one of the values of _SPEAKERS
    text: str


def turns_of(name: str, messages: Sequence[object]) -> tuple[Turn, ...]:
    """Messages of role and content as turns; raises InvalidInput for any that is none."""
    return tuple(_turn(name, message) for message in messages)


def turn(role: object, text: object) -> Turn:
    """Raises InvalidInput for a role that is unknown or a text that is none."""
    speaker = _SPEAKERS.get(role) if isinstance(role, str) else None
    if speaker is None:
        raise InvalidInput(f"the role {str(role)[:40]!r} is unknown ({', '.join(_SPEAKERS)})")
    if not isinstance(text, str):
        raise InvalidInput("a message's text is not text")
    return Turn(speaker, text.strip())


def asked(turns: Sequence[Turn]) -> tuple[str, str]:
    """Text and context of the question; raises InvalidInput unless the last to speak is the user."""
    if not turns or turns[-1].speaker != USER:
        raise InvalidInput("the conversation does not end with a question of the user")
    return turns[-1].text, in_lines((one.speaker, one.text) for one in turns[:-1])


def _turn(name: str, message: object) -> Turn:
    if not isinstance(message, dict):
        raise InvalidInput(f"{name} holds something that is no message")
    return turn(message.get("role"), message.get("content"))
