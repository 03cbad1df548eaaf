"""The one place where a prompt is built: from a persona's template and a question to chat messages.

Trainer, evaluator and server all use these messages; rendering them to tokens is
`services.language_model.rendering`. Change any text here and PROMPT_VERSION changes with it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from services.domain.languages import is_language
from services.domain.personas import Persona
from services.errors.inputs import EmptyText, ForbiddenCharacter, TextTooLong

PROMPT_VERSION = "1"
QUESTION_LIMIT = 4_000
CONTEXT_LIMIT = 20_000
LABEL_LIMIT = 80

# Spellings that tokenizers of common chat models read as control tokens: <|end|>, <s>, [INST], <<SYS>>,
# <start_of_turn>. Matching the spelling, not one tokenizer's list, keeps stored messages safe for any base.
_CONTROL = re.compile(
    r"<\|[^\s<>|]{1,40}\|>"
    r"|</?(?:s|unk|pad|bos|eos|mask|start_of_turn|end_of_turn)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]"
    r"|<</?SYS>>",
    re.IGNORECASE,
)
_ZERO_WIDTH_SPACE = "\u200b"
# Not tabs and newlines. PostgreSQL refuses the first of them, and no page or file gains by the others.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # half of a pair: no UTF-8 can say it


_ASKED = "Question:\n"
_CONTEXT = "Context:\n"
_BETWEEN = f"\n\n{_ASKED}"
_LANGUAGE = re.compile(r"\s\(([^()]+)\)$")


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks: `context` may be empty; `audience` is whom the answer is for."""

    text: str
    domain: str
    audience: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A question as a prompt puts it and a good answer to it, to be shown before another question."""

    audience: str
    asked: Message
    answered: Message


def in_language(audience: str, language: str) -> str:
    """The audience with its language: so the prompt says which to use, and each language is judged apart."""
    return f"{audience} ({language})" if language else audience


def language_of(audience: str) -> str:
    """The language in brackets after an audience, as `in_language` puts it there; empty where there is none.

    People write other things in brackets: a language is one that `languages` knows.
    """
    found = _LANGUAGE.search(audience)
    return found[1] if found and is_language(found[1]) else ""


def neutralise(text: str) -> str:
    """The text with every control-token spelling broken by a zero-width space, else unchanged."""
    return _CONTROL.sub(lambda found: found[0][0] + _ZERO_WIDTH_SPACE + found[0][1:], text)


def clean_generated(text: str) -> str:
    """What a model wrote, as it can be stored: without control characters, a replacement for broken ones.

    Nobody can be asked to write it again, so nothing of it is refused.
    """
    return _LONE_SURROGATE.sub("\ufffd", _CONTROL_CHARACTER.sub("", text))


def check_said(field: str, text: str, *, limit: int, required: bool = True) -> str:
    """The text as it was written, or EmptyText, TextTooLong, ForbiddenCharacter; blanks alone are nothing."""
    if "\x00" in text:
        raise ForbiddenCharacter(field, "a NUL character")
    if _LONE_SURROGATE.search(text):
        raise ForbiddenCharacter(field, "a broken character (half of a surrogate pair)")
    if len(text) > limit:
        raise TextTooLong(field, length=len(text), limit=limit)
    if not text.strip():
        if required:
            raise EmptyText(field)
        return ""
    return text


def check_text(field: str, text: str, *, limit: int, required: bool = True) -> str:
    """As `check_said`, without outer white space."""
    return check_said(field, text, limit=limit, required=required).strip()


def check_question(question: Question) -> Question:
    """The question as it was written, its labels without outer white space, or the error that says which
    field is wrong.
    """
    return Question(
        text=check_said("question", question.text, limit=QUESTION_LIMIT),
        context=check_said("context", question.context, limit=CONTEXT_LIMIT, required=False),
        domain=check_text("domain", question.domain, limit=LABEL_LIMIT),
        audience=check_text("audience", question.audience, limit=LABEL_LIMIT),
    )


def persona_messages(persona: Persona, question: Question) -> tuple[Message, ...]:
    """What a persona is asked, whoever asks: trainer, evaluator and server."""
    return build_messages(persona.system_template, question, persona.answers.instruction)


def with_examples(messages: tuple[Message, ...], examples: Sequence[WorkedExample]) -> tuple[Message, ...]:
    """The messages of a question with the examples between system and question, as earlier turns."""
    turns = [turn for example in examples for turn in (example.asked, example.answered)]
    return (*messages[:-1], *turns, messages[-1])


@lru_cache(maxsize=32)  # the examples of one prompt are made one after another
def build_messages(system_template: str, question: Question, instruction: str = "") -> tuple[Message, ...]:
    """System and user message of one question; people's text can never become a control token.

    `instruction` says what format the answer has.
    """
    system = system_template.format(domain=question.domain, audience=question.audience)
    if instruction:
        system = f"{system}\n{instruction}"
    return (
        Message(Role.SYSTEM, neutralise(system)),
        Message(Role.USER, neutralise(user_text(question))),
    )


def user_text(question: Question) -> str:
    """What a model reads of the question itself; two questions that give one text are one prompt."""
    asked, context = question.text.strip(), question.context.strip()
    return f"{_CONTEXT}{context}{_BETWEEN}{asked}" if context else f"{_ASKED}{asked}"


def asked_in(messages: Sequence[Message]) -> str:
    """The text of the question of these messages, as `build_messages` makes them.

    A context that has the line before a question itself cannot be told from its question there: then the text
    begins within the context, and has the whole question.
    """
    text = messages[-1].content
    return text.partition(_BETWEEN)[2] if text.startswith(_CONTEXT) else text.removeprefix(_ASKED)


def has_context(messages: Sequence[Message]) -> bool:
    """Whether the question of these messages, as `build_messages` makes them, came with a context."""
    return any(message.role == Role.USER and message.content.startswith(_CONTEXT) for message in messages)
