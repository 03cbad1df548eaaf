"""A persona with raters and answers of their own by the thousand, written by INSERT ... SELECT.

Every id follows from a number, so that whoever drives a load knows them without reading any.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.domain.personas import Persona, PersonaSlug
from services.domain.promotions import BASE_VERSION
from services.feedback.personas import PersonaPlan, create_persona

SLUG = "pirate"
_ID = "(lpad(to_hex(({kind})::int), 8, '0') || lpad(to_hex(({number})::bigint), 24, '0'))::uuid"
_RATER, _CONVERSATION, _QUESTION, _ANSWER = range(1, 5)  # the kinds of ids

# Answer n is rater n % raters's own; one conversation each, so that evidence stays as clustered as it is.
_STATEMENTS = (
    f"INSERT INTO raters (id, created_at) SELECT {_ID.format(kind=_RATER, number='n')}, :at "
    "FROM generate_series(0, :raters - 1) n",
    "INSERT INTO conversations (id, persona_id, rater_id, created_at) "
    f"SELECT {_ID.format(kind=_CONVERSATION, number='n')}, :persona, "
    f"{_ID.format(kind=_RATER, number='n % :raters')}, :at FROM generate_series(0, :answers - 1) n",
    "INSERT INTO questions (id, conversation_id, text, context, domain, audience, prompt_key, split_key, "
    f"asked_at) SELECT {_ID.format(kind=_QUESTION, number='n')}, "
    f"{_ID.format(kind=_CONVERSATION, number='n')}, 'Why do ' || :prompts || ' rivers run to the sea, in the '"
    " || n % :prompts || 'th place?', '', 'geography', 'student', md5((n % :prompts)::text), "
    "md5((n % :prompts)::text), :at FROM generate_series(0, :answers - 1) n",
    "INSERT INTO answers (id, question_id, adapter_version_id, served_name, text, prompt_version, "
    "generation, seed, finish_reason, latency_ms, accepted_at, created_at) "
    f"SELECT {_ID.format(kind=_ANSWER, number='n')}, {_ID.format(kind=_QUESTION, number='n')}, :version, "
    ":name, 'Arr, answer ' || n || ': downhill they go, matey, and the sea lies lowest of all.', '1', "
    "'{{}}'::jsonb, 1, 'stop', 900, :at, :at FROM generate_series(0, :answers - 1) n".replace("{{}}", "{}"),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many raters, each of whom has asked `answers_each` questions; a question is another's one in five."""

    raters: int
    answers_each: int

    @property
    def answers(self) -> int:
        return self.raters * self.answers_each


def rater_id(number: int) -> UUID:
    return _id(_RATER, number)


def answer_id(number: int) -> UUID:
    """Rater `number % raters` asked for it."""
    return _id(_ANSWER, number)


def fill(session: Session, crowd: Crowd, *, at: datetime) -> None:
    """The persona `SLUG`, everybody and everything they asked, all of it at one instant."""
    persona = create_persona(session, PersonaPlan(Persona(PersonaSlug(SLUG), "Pirate")), at=at)
    base = version_by_number(session, persona, BASE_VERSION)
    values = {
        "persona": persona.id,
        "version": base.id,
        "name": base.name,
        "raters": crowd.raters,
        "answers": crowd.answers,
        "prompts": max(1, crowd.answers // 5),
        "at": at,
    }
    for statement in _STATEMENTS:
        session.execute(text(statement), values)


def _id(kind: int, number: int) -> UUID:
    return UUID(f"{kind:08x}{number:024x}")
