"""What a persona is: who answers, in what words it is asked to, and how its answers are generated.

Reading and storing personas is the database's; building the messages of a prompt is `conversation`.
"""

import re
import string
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NewType

from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.errors.inputs import InvalidSlug, InvalidTemplate
from services.errors.tree import InvalidInput

PersonaSlug = NewType("PersonaSlug", str)

DEFAULT_SYSTEM_TEMPLATE = "You are an expert in {domain}. You are answering a question for a {audience}."
DEFAULT_DOMAIN = "general knowledge"
DEFAULT_AUDIENCE = "general reader"
AUDIENCES = ("student", "general reader", "scientist", "professional", "educator")

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}")
_TEMPLATE_FIELDS = frozenset({"domain", "audience"})


class PersonaState(StrEnum):
    """PAUSED: asked as ever, and its nights are skipped. ARCHIVED: neither listed nor asked nor trained."""

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """How answers are sampled.

    The defaults are those under which a learned style shows: short answers hide it, so a minimum
    length belongs to a persona as much as its voice does.
    """

    max_new_tokens: int = 200
    min_new_tokens: int = 30
    do_sample: bool = True
    temperature: float = 0.8
    top_p: float = 0.95
    repetition_penalty: float = 1.1

    def __post_init__(self) -> None:
        if not 1 <= self.max_new_tokens <= 4096:
            raise InvalidInput("max_new_tokens must lie between 1 and 4096.")
        if not 0 <= self.min_new_tokens <= self.max_new_tokens:
            raise InvalidInput("min_new_tokens must lie between 0 and max_new_tokens.")
        if not 0 < self.temperature <= 5:
            raise InvalidInput("temperature must lie above 0 and not above 5.")
        if not 0 < self.top_p <= 1:
            raise InvalidInput("top_p must lie above 0 and not above 1.")
        if not 0.5 <= self.repetition_penalty <= 2:
            raise InvalidInput("repetition_penalty must lie between 0.5 and 2.")


@dataclass(frozen=True, slots=True)
class Persona:
    """One persona as services use it; `markers` empty means the default marker groups by audience."""

    slug: PersonaSlug
    display_name: str
    system_template: str = DEFAULT_SYSTEM_TEMPLATE
    answers: AnswerRules = field(default_factory=AnswerRules)
    markers: tuple[str, ...] = ()
    generation: GenerationSettings = field(default_factory=GenerationSettings)


def default_generation(rules: AnswerRules) -> GenerationSettings:
    """The settings that suit a format: a letter, a short text or JSON is drawn greedily, without a minimum.

    JSON needs its quotation marks again and again, so nothing is made less likely for having been said.
    """
    match rules.format:
        case AnswerFormat.MCQ | AnswerFormat.SAQ:
            most = 64
        case AnswerFormat.JSON:
            most = 512
        case AnswerFormat.FREE_TEXT:
            usual = GenerationSettings()
            least = min(usual.min_new_tokens, rules.word_limit or usual.min_new_tokens)
            return replace(usual, min_new_tokens=least)
    return GenerationSettings(max_new_tokens=most, min_new_tokens=0, do_sample=False, repetition_penalty=1.0)


def parse_slug(text: str) -> PersonaSlug:
    """The slug, or InvalidSlug: slugs become folder names and URLs, so nothing else may pass."""
    if not _SLUG.fullmatch(text):
        raise InvalidSlug(text)
    return PersonaSlug(text)


def check_template(template: str) -> str:
    """The template unchanged, or InvalidTemplate when it names anything but domain and audience."""
    try:
        fields = [field for field in string.Formatter().parse(template) if field[1] is not None]
    except ValueError as error:
        raise InvalidTemplate(str(error)) from error
    for _, name, layout, conversion in fields:
        if name not in _TEMPLATE_FIELDS:
            raise InvalidTemplate(f"it names {{{name}}}")
        if layout or conversion:
            raise InvalidTemplate(f"it lays out {{{name}}}")
    return template
