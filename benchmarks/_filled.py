"""A persona with raters and answers of their own by the thousand, written by INSERT ... SELECT.

Every id follows from a number, so that whoever drives a load knows them without reading any.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.db.feedback_tables import PersonaRow
from services.domain.personas import Persona, PersonaSlug
from services.domain.promotions import BASE_VERSION
from services.feedback.agreements import WORDING
from services.feedback.personas import PersonaPlan, create_persona

SLUG = "pirate"
_RATER, _ANSWER = 1, 4  # the kinds of ids, of which 2 are conversations and 3 questions

_NUMBERED = """
    CREATE OR REPLACE FUNCTION pg_temp.numbered(kind int, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
    RETURN (lpad(to_hex(kind), 8, '0') || lpad(to_hex(number), 24, '0'))::uuid
"""
# What was asked first lies longest ago: all of it within :days.
_STATEMENTS = (
    """
    CREATE TEMPORARY TABLE asked ON COMMIT DROP AS
    SELECT n, n % :raters AS rater, n % :prompts AS prompt,
        CAST(:at AS timestamptz) - make_interval(secs => 86400.0 * :days * (:answers - n) / :answers) AS at
    FROM generate_series(0, :answers - 1) n
    """,
    """
    INSERT INTO raters (id, created_at)
    SELECT pg_temp.numbered(1, n), :at FROM generate_series(0, :raters - 1) n
    """,
    """
    INSERT INTO agreements (rater_id, wording, agreed_at)
    SELECT pg_temp.numbered(1, n), :wording, :at FROM generate_series(0, :raters - 1) n
    """,
    """
    INSERT INTO conversations (id, persona_id, rater_id, created_at)
    SELECT pg_temp.numbered(2, n), :persona, pg_temp.numbered(1, rater), at FROM asked
    """,
    """
    INSERT INTO questions
        (id, conversation_id, text, context, domain, audience, prompt_key, split_key, asked_at)
    SELECT pg_temp.numbered(3, n), pg_temp.numbered(2, n), 'Why does river ' || prompt || ' run to the sea?',
        '', 'geography', 'student', md5(prompt::text), md5(prompt::text), at
    FROM asked
    """,
    """
    INSERT INTO answers (id, question_id, adapter_version_id, served_name, text, prompt_version, generation,
        seed, finish_reason, latency_ms, accepted_at, created_at)
    SELECT pg_temp.numbered(4, n), pg_temp.numbered(3, n), :version, :name,
        'Arr, downhill it goes, matey, and the sea lies lowest of all, says answer ' || n || '.',
        '1', '{}', 1, 'stop', 900, at, at
    FROM asked
    """,
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many raters, each of whom has asked `answers_each` questions, in as many conversations.

    Answer n is that of rater n % raters; every question is asked five times.
    """

    raters: int
    answers_each: int
    days: int = 1  # that it took them

    @property
    def answers(self) -> int:
        return self.raters * self.answers_each

    @property
    def prompts(self) -> int:
        return max(1, self.answers // 5)


def rater_id(number: int) -> UUID:
    return _id(_RATER, number)


def answer_id(number: int) -> UUID:
    return _id(_ANSWER, number)


def fill(session: Session, crowd: Crowd, *, at: datetime) -> PersonaRow:
    """The persona `SLUG`, everybody and everything they asked until `at`."""
    persona = create_persona(session, PersonaPlan(Persona(PersonaSlug(SLUG), "Pirate")), at=at)
    base = version_by_number(session, persona, BASE_VERSION)
    values = {
        "persona": persona.id,
        "version": base.id,
        "name": base.name,
        "raters": crowd.raters,
        "answers": crowd.answers,
        "prompts": crowd.prompts,
        "days": crowd.days,
        "wording": WORDING,
        "at": at,
    }
    session.execute(text(_NUMBERED))
    for statement in _STATEMENTS:
        session.execute(text(statement), values)
    return persona


def _id(kind: int, number: int) -> UUID:
    return UUID(f"{kind:08x}{number:024x}")
