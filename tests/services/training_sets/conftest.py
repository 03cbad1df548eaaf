"""Nights of one persona: assembling at a minute after AT, and reading back what was frozen."""

import json
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import TrainingSetRow
from services.domain.conversation import Message, Question
from services.domain.example_policy import ExamplePolicy
from services.domain.personas import PersonaSlug
from services.domain.splits import Split, assign_split, split_key
from services.training_sets.assembly import Instead, assemble
from services.training_sets.preparing import Limits
from services.training_sets.skipping import Skipped
from tests.builders import AT, add_persona

POLICY = ExamplePolicy(minimum_rows=1, minimum_pairs=1, minimum_unpaired=2, minimum_new=1)
MAX_TOKENS = 5_000
Record = dict[str, Any]

Questions = Callable[[Split], Iterator[str]]


def count_words(_: tuple[Message, ...], completion: str) -> int:
    return len(completion.split())


def drawn(question: str) -> Split:
    """The split that is drawn for a question to the persona of these tests."""
    key = split_key(Question(question, "physics", "student"))
    return assign_split(PersonaSlug("pirate"), key, holdout_percent=POLICY.holdout_percent)


@dataclass(frozen=True, slots=True)
class Nights:
    session: Session
    persona: PersonaRow
    store_url: str
    folder: Path

    def outcome(
        self,
        *,
        minutes: float = 60,
        without: Collection[str] = (),
        store_url: str = "",
        max_tokens: int = MAX_TOKENS,
    ) -> TrainingSetRow | Skipped:
        policy = ExamplePolicy(**self.persona.example_policy)
        return assemble(
            self.session,
            self.persona,
            cutoff=AT + timedelta(minutes=minutes),
            store_url=store_url or self.store_url,
            limits=Limits(max_tokens, count_words),
            at=AT,
            instead=Instead(policy, frozenset(without)),
        )

    def assemble(self, **conditions: Any) -> TrainingSetRow:
        outcome = self.outcome(**conditions)
        assert isinstance(outcome, TrainingSetRow), outcome
        return outcome

    def rows(self, training_set: TrainingSetRow) -> list[Record]:
        return self._read(training_set.path, training_set.digest)

    def references(self, training_set: TrainingSetRow) -> list[Record]:
        held_out = training_set.report["held_out"]
        return self._read(held_out["path"], held_out["digest"])

    def excluded(self, training_set: TrainingSetRow) -> dict[str, set[str]]:
        """The reasons for which each excluded source is excluded."""
        frozen = training_set.report["excluded"]
        reasons: dict[str, set[str]] = {}
        for record in self._read(frozen["path"], frozen["digest"]):
            for source in record["sources"]:
                reasons.setdefault(source, set()).add(record["reason"])
        return reasons

    def _read(self, path: str, digest: str) -> list[Record]:
        file = thaw(self.store_url, path, digest=digest, into=self.folder)
        with file.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


@pytest.fixture
def persona(session: Session) -> PersonaRow:
    return add_persona(session, example_policy=POLICY)


@pytest.fixture
def nights(session: Session, persona: PersonaRow, tmp_path: Path) -> Nights:
    return Nights(session, persona, f"file://{tmp_path / 'adapters'}", tmp_path / "thawed")


@pytest.fixture
def questions() -> Questions:
    """Questions that are nothing alike, of the split that is drawn for them."""

    def of(split: Split) -> Iterator[str]:
        chance = random.Random(split.value)  # noqa: S311
        while True:
            words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(4)]
            asked = f"What is {' '.join(words)}?"
            if drawn(asked) is split:
                yield asked

    return of


@pytest.fixture
def asked(questions: Questions) -> Iterator[str]:
    """Questions to learn from."""
    return questions(Split.TRAIN)
