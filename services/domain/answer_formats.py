"""What format a persona's answers have: free text, an option's letter, a short text, JSON; perhaps a limit.

Says what a model is told of the format, whether an answer is in it, and what an answer says in it. Asking
again where it is not is `services.language_model.asking_in_format`.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from services.domain.schemas import check_schema, misfit
from services.errors.tree import InvalidInput

WORD_LIMITS = range(1, 2001)
MOST_RETRIES = 5
MOST_STOPS = 4  # as many as OpenAI's protocol allows
LONGEST_STOP = 40  # characters
SCHEMA_LIMIT = 4_000  # characters; it is part of every prompt

_CHOICES = re.compile(r"[A-Z]{2,26}")
_OPTION = re.compile(r"^[ \t]*\(?([A-Z])[.):][ \t]+(\S.*)$", re.MULTILINE)
_PREAMBLE = re.compile(
    r"^(?:the )?(?:(?:correct|right) )?(?:answer|option|choice)(?: is)?:? +", re.IGNORECASE
)
# A letter alone or in marks, then nothing, or a mark and the option's text, or a line of its own.
_LETTER = re.compile(r"[(\[*]*([A-Za-z])(?:[)\]*.:]*|[)\]*.:]+\s.*|[)\]*.:]*\s*\n.*)", re.DOTALL)
_FENCE = "```"  # of code; models like to put JSON into one
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class AnswerFormat(StrEnum):
    FREE_TEXT = "free_text"
    MCQ = "mcq"
    SAQ = "saq"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """The format of one persona's answers, and what is done about an answer that is not in it.

    `choices` are the letters of a question that lists no options itself; `schema` is JSON text, empty for
    any JSON; `word_limit` 0 is none; at a text of `stop` an answer ends, and the text is not part of it.
    Without `validation` the first answer is shown as it is, and what people write or approve is taken in any
    format; with it the model is asked up to `max_retries` times more. Raises InvalidInput for what does not
    go together.
    """

    format: AnswerFormat = AnswerFormat.FREE_TEXT
    choices: str = "ABCD"
    schema: str = ""
    word_limit: int = 0
    stop: tuple[str, ...] = ()
    validation: bool = True
    max_retries: int = 2

    def __post_init__(self) -> None:
        if not _CHOICES.fullmatch(self.choices) or len(set(self.choices)) < len(self.choices):
            raise InvalidInput("choices must be two or more different capital letters, such as ABCD.")
        if self.schema:
            self._check_schema()
        if self.word_limit and not self._is_text:
            raise InvalidInput(f"A word limit is for texts: answers in the format {self.format} have none.")
        if type(self.word_limit) is not int or (self.word_limit and self.word_limit not in WORD_LIMITS):
            raise InvalidInput(f"word_limit must lie between 1 and {WORD_LIMITS[-1]:,}, or be 0 for none.")
        if not isinstance(self.validation, bool):
            raise InvalidInput("validation must be true or false.")
        if type(self.max_retries) is not int or not 0 <= self.max_retries <= MOST_RETRIES:
            raise InvalidInput(f"max_retries must lie between 0 and {MOST_RETRIES}.")
        if len(self.stop) > MOST_STOPS or not all(map(_can_stop, self.stop)):
            raise InvalidInput(f"stop takes up to {MOST_STOPS} texts of 1 to {LONGEST_STOP} characters.")

    @property
    def constrain(self) -> bool:
        """Whether there is anything that an answer can lack."""
        return self.format is not AnswerFormat.FREE_TEXT or bool(self.word_limit)

    @property
    def instruction(self) -> str:
        """What the model is told of the format; empty where any text will do."""
        limit = f"Answer in at most {self.word_limit} words." if self.word_limit else ""
        match self.format:
            case AnswerFormat.MCQ:
                return "Answer with the letter of the right option and nothing else."
            case AnswerFormat.SAQ:
                return limit or "Answer in a few words."
            case AnswerFormat.JSON:
                plain = "Answer with JSON and nothing else."
                return f"{plain} It must fit this schema:\n{self.schema}" if self.schema else plain
            case AnswerFormat.FREE_TEXT:
                return limit

    def problem(self, answer: str, question: str) -> str | None:
        """Why the answer to this question's text is not in the format, as half a sentence; None if it is."""
        match self.format:
            case AnswerFormat.MCQ:
                letters = self.letters(question)
                return None if self.read(answer) in set(letters) else f"it names none of {', '.join(letters)}"
            case AnswerFormat.JSON:
                return self._json_problem(answer)
            case AnswerFormat.SAQ if not any(character.isalnum() for character in answer):
                return "it says nothing"
        # Words are what stands between spaces: a script without them counts as one.
        words = len(answer.split())
        return f"it has {words} words" if self.word_limit and words > self.word_limit else None

    def read(self, answer: str) -> Any:  # noqa: ANN401  (JSON may be anything)
        """What it says in its format: a capital letter, a JSON value, a text; None where it is not in it."""
        match self.format:
            case AnswerFormat.MCQ:
                found = _LETTER.fullmatch(_PREAMBLE.sub("", answer.strip(), count=1))
                return found[1].upper() if found else None
            case AnswerFormat.JSON:
                try:
                    return _parse(answer)
                except (ValueError, RecursionError):
                    return None
            case _:
                return answer.strip()

    def letters(self, question: str) -> str:
        """The letters of the options that the question lists, else the persona's choices."""
        listed = "".join(listed_options(question))
        return listed if len(listed) > 1 else self.choices

    def as_record(self) -> dict[str, Any]:
        """As JSON holds it; `rules_of` reads it back."""
        return asdict(self) | {"format": self.format.value, "stop": list(self.stop)}

    @property
    def _is_text(self) -> bool:
        return self.format in {AnswerFormat.FREE_TEXT, AnswerFormat.SAQ}

    def _check_schema(self) -> None:
        if self.format is not AnswerFormat.JSON:
            raise InvalidInput(f"A schema is for JSON: answers in the format {self.format} have none.")
        if len(self.schema) > SCHEMA_LIMIT:
            raise InvalidInput(
                f"The schema has {len(self.schema):,} characters, and {SCHEMA_LIMIT:,} are allowed."
            )
        check_schema(self.schema)

    def _json_problem(self, answer: str) -> str | None:
        try:
            value = _parse(answer)
        except (ValueError, RecursionError) as error:
            return f"it is not JSON ({error})"
        return misfit(self.schema, value) if self.schema else None


def _can_stop(text: str) -> bool:
    """Whether a model could write it and the database hold it."""
    return 0 < len(text) <= LONGEST_STOP and "\x00" not in text and not _SURROGATE.search(text)


def rules_of(record: Mapping[str, Any]) -> AnswerRules:
    """Rules as a person or the database writes them; a schema may be text or the object itself.

    Raises InvalidInput for an unknown name or a value of another kind.
    """
    schema, stop = record.get("schema", ""), record.get("stop", ())
    try:
        rules = AnswerRules(
            **{
                **record,
                "format": AnswerFormat(record.get("format", AnswerFormat.FREE_TEXT)),
                "schema": schema if isinstance(schema, str) else json.dumps(schema, sort_keys=True),
                "stop": (stop,) if isinstance(stop, str) else tuple(stop),
            }
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"These rules for answers cannot be used: {error}.") from error
    return rules


def listed_options(question: str) -> dict[str, str]:
    """The options that stand on lines of their own ("A. Paris", "(B) Rome"), by their letters."""
    return {letter: option.strip() for letter, option in _OPTION.findall(question)}


def _parse(answer: str) -> Any:  # noqa: ANN401
    """The JSON value that the answer is, a fence of code around it or not; ValueError, RecursionError."""
    text = answer.strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE):
        text = text.removeprefix(_FENCE).removesuffix(_FENCE).removeprefix("json")
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> Any:  # noqa: ANN401
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value
