"""A persona with a journal of any size, written by COPY: what a benchmark assembles from.

Raters find what is right four times of five, except those who click or turn it round. Every twentieth prompt
is another one with a word more, every hundredth answer has an address in it. The same seed, the same journal.
"""

import io
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.adapters.promotions import version_by_number
from services.db.session import session_scope
from services.domain.conversation import PROMPT_VERSION, Question
from services.domain.example_policy import ExamplePolicy
from services.domain.personas import Persona, PersonaSlug
from services.domain.promotions import BASE_VERSION
from services.domain.splits import assign_split, prompt_key, split_key
from services.feedback.personas import PersonaPlan, create_persona

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RATINGS_EACH = 5  # of an answer
_ANSWERS_EACH = 2.5  # of a prompt
_RATINGS_OF_A_RATER = 200
_EVERY = {"corrections": 33, "comparisons": 50}  # one for so many ratings
_CLICKING, _TURNED = 0.02, 0.01  # of the raters
_WORDS, _VOCABULARY = (8, 55), 6_000
_TABLES = {
    "raters": "id, created_at",
    "conversations": "id, persona_id, rater_id, created_at",
    "prompt_splits": "persona_id, split_key, split, assigned_at",
    "questions": "id, conversation_id, text, context, domain, audience, prompt_key, split_key, asked_at",
    "answers": "id, question_id, adapter_version_id, served_name, text, prompt_version, generation, seed, "
    "finish_reason, latency_ms, accepted_at, created_at",
    "ratings": "answer_id, rater_id, stars, reasons, submission, created_at",
    "corrections": "answer_id, rater_id, text, submission, created_at",
    "comparisons": "left_answer_id, right_answer_id, rater_id, choice, submission, created_at",
}
_CHOICES = {
    (True, True): "tie",
    (True, False): "left",
    (False, True): "right",
    (False, False): "both bad",
}  # by whether the left answer and the right one are found good
_Line = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How many ratings there are; everything else follows."""

    ratings: int

    @property
    def answers(self) -> int:
        return self.ratings // RATINGS_EACH

    @property
    def prompts(self) -> int:
        return int(self.answers / _ANSWERS_EACH)

    @property
    def raters(self) -> int:
        return max(self.ratings // _RATINGS_OF_A_RATER, 20)


class Journal:
    """Writes a persona's whole journal, and then what further days add to it."""

    def __init__(self, engine: Engine, size: Size, *, slug: str) -> None:
        self._engine, self._size = engine, size
        self._chance = random.Random(7)  # noqa: S311  (a journal to measure with, no secret)
        self._words = [self._word() for _ in range(_VOCABULARY)]
        self._habits = [self._chance.random() for _ in range(size.raters)]
        policy = ExamplePolicy(holdout_percent=15)
        with session_scope(engine) as session:
            plan = PersonaPlan(Persona(PersonaSlug(slug), slug), example_policy=policy)
            persona = create_persona(session, plan, at=BEGIN)
            self.persona_id, self.slug = persona.id, PersonaSlug(persona.slug)
            base = version_by_number(session, persona, BASE_VERSION)
            self._version = (base.id, base.name)
        self._base = f"{self.persona_id:04x}"
        self._prompts: list[tuple[Question, str, str]] = []
        self._answers = 0
        self._good: list[bool] = []
        self._answered: list[int] = []  # the prompt of each answer
        self._said = 0

    def reconnect(self, engine: Engine) -> None:
        """Go on with another connection to the same database: it was started anew."""
        self._engine = engine

    def fill(self) -> None:
        with session_scope(self._engine) as session:
            self._copy(session, "raters", ((self._id(0, n), BEGIN) for n in range(self._size.raters)))
            self._copy(session, "prompt_splits", self._new_prompts(self._size.prompts))
        self.add(self._size.ratings, day=0)

    def add(self, ratings: int, *, day: int) -> None:
        """So many more ratings of new answers, with the corrections and comparisons that come with them."""
        first, answers = self._answers, ratings // RATINGS_EACH
        asked = [self._chance.randrange(len(self._prompts)) for _ in range(answers)]
        self._answered += asked
        self._good += [self._chance.random() < 0.6 for _ in asked]
        self._answers += answers
        numbers = range(first, self._answers)
        with session_scope(self._engine) as session:
            self._copy(session, "conversations", self._conversations(numbers, day))
            self._copy(session, "questions", self._questions(numbers, day))
            self._copy(session, "answers", self._texts(numbers, day))
            self._copy(session, "ratings", self._ratings(numbers, day))
            self._copy(session, "corrections", self._corrections(numbers, ratings, day))
            self._copy(session, "comparisons", self._comparisons(numbers, ratings, day))
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")

    def _new_prompts(self, count: int) -> Iterator[_Line]:
        for number in range(count):
            text = f"Why {self._text(_WORDS[0])}?"
            if number % 20 == 19:
                words = self._prompts[number // 2][0].text.split()
                text = " ".join([*words[:3], "really", *words[3:]])
            question = Question(text, f"domain {number % 7}", ("student", "educator")[number % 2])
            split = split_key(question)
            self._prompts.append((question, prompt_key(question), split))
            yield self.persona_id, split, assign_split(self.slug, split, holdout_percent=15), BEGIN

    def _conversations(self, numbers: range, day: int) -> Iterator[_Line]:
        for number in numbers:
            rater = self._id(0, number % self._size.raters)
            yield self._id(1, number), self.persona_id, rater, self._at(number, day)

    def _questions(self, numbers: range, day: int) -> Iterator[_Line]:
        for number in numbers:
            asked, prompt, split = self._prompts[self._answered[number]]
            said = (asked.text, "", asked.domain, asked.audience, prompt, split)
            yield self._id(2, number), self._id(1, number), *said, self._at(number, day)

    def _texts(self, numbers: range, day: int) -> Iterator[_Line]:
        for number in numbers:
            text = self._text(_WORDS[1])
            if number % 100 == 99:
                text += " Write to bob@example.com."
            at = self._at(number, day)
            made = (*self._version, text, PROMPT_VERSION, "{}", 1, "stop", 5, at, at)
            yield self._id(3, number), self._id(2, number), *made

    def _ratings(self, numbers: range, day: int) -> Iterator[_Line]:
        for number in numbers:
            for rater in self._chance.sample(range(self._size.raters), RATINGS_EACH):
                good, tags = self._opinion(rater, number), "[]"
                if not good and self._chance.random() < 0.1:
                    tags = '["wrong fact"]'
                stars = self._chance.choice((4, 5) if good else (1, 2, 3))
                yield self._id(3, number), self._id(0, rater), stars, tags, *self._stamp(number, day)

    def _corrections(self, numbers: range, ratings: int, day: int) -> Iterator[_Line]:
        for _ in range(ratings // _EVERY["corrections"]):
            number = self._chance.choice(numbers)
            rater = self._id(0, self._chance.randrange(self._size.raters))
            yield self._id(3, number), rater, self._text(_WORDS[1]), *self._stamp(number, day)

    def _comparisons(self, numbers: range, ratings: int, day: int) -> Iterator[_Line]:
        of_prompt: dict[int, list[int]] = {}
        for number in numbers:
            of_prompt.setdefault(self._answered[number], []).append(number)
        several = [found for found in of_prompt.values() if len(found) > 1]
        for _ in range(ratings // _EVERY["comparisons"] if several else 0):
            left, right = self._chance.sample(self._chance.choice(several), 2)
            rater = self._chance.randrange(self._size.raters)
            choice = _CHOICES[self._opinion(rater, left), self._opinion(rater, right)]
            yield self._id(3, left), self._id(3, right), self._id(0, rater), choice, *self._stamp(left, day)

    def _opinion(self, rater: int, answer: int) -> bool:
        habit = self._habits[rater]
        if habit < _CLICKING:
            return self._chance.random() < 0.5
        right = self._chance.random() < 0.8
        return self._good[answer] == (right if habit > _CLICKING + _TURNED else not right)

    def _stamp(self, number: int, day: int) -> tuple[UUID, datetime]:
        self._said += 1
        return self._id(4, self._said), self._at(number, day)

    def _at(self, number: int, day: int) -> datetime:
        return BEGIN + timedelta(days=day, seconds=number % 80_000)

    def _id(self, kind: int, number: int) -> UUID:
        return UUID(f"{self._base}{kind:04x}{number:024x}")

    def _word(self) -> str:
        return "".join(self._chance.choices("aeioulnrstdmkp", k=self._chance.randrange(3, 9)))

    def _text(self, words: int) -> str:
        return " ".join(self._chance.choices(self._words, k=words))

    def _copy(self, session: Session, table: str, lines: Iterable[_Line]) -> None:
        raw = session.connection().connection.cursor()
        raw.execute("SET LOCAL session_replication_role = replica")  # keys are right by construction
        raw.execute("SET LOCAL synchronous_commit = off")
        columns = _TABLES[table]
        raw.copy_expert(f"COPY {table} ({columns}) FROM STDIN", _Piped(lines))


class _Piped(io.RawIOBase):
    """Lines as the text that COPY reads, made as they are read."""

    def __init__(self, lines: Iterable[_Line]) -> None:
        self._lines = iter(lines)
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, length = [self._left], len(self._left)
        while size < 0 or length < size:
            line = next(self._lines, None)
            if line is None:
                break
            parts.append(("\t".join(map(str, line)) + "\n").encode())
            length += len(parts[-1])
        whole = b"".join(parts)
        self._left = whole[size:] if size >= 0 else b""
        return whole[:size] if size >= 0 else whole
