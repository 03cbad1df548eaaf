"""What a frozen training set holds up as good: its texts, and examples of it that a prompt can show."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from services.adapters.freezing import thaw
from services.db.lineage_tables import TrainingSetRow
from services.domain.conversation import Message, Role, WorkedExample
from services.domain.examples import Kind

EXAMPLES = 3  # that a prompt shows


@dataclass(frozen=True, slots=True)
class LearntTexts:
    """`good`: completions of demonstrations and chosen texts of pairs. `shown`: of each audience the three
    demonstrations that come first by the hash of prompt and answer, in that order.
    """

    good: tuple[str, ...]
    shown: tuple[WorkedExample, ...]

    def examples_for(self, audience: str) -> tuple[WorkedExample, ...]:
        """Three demonstrations, those for this audience before those for others."""
        return tuple(sorted(self.shown, key=lambda one: one.audience != audience)[:EXAMPLES])


def read_learnt(store_url: str, training_set: TrainingSetRow) -> LearntTexts:
    """Raises FrozenFileCorrupt."""
    with TemporaryDirectory(prefix="learnt-") as folder:
        file = thaw(store_url, training_set.path, digest=training_set.digest, into=Path(folder))
        with file.open(encoding="utf-8") as lines:
            return learnt_in(lines)


def learnt_in(lines: Iterable[str]) -> LearntTexts:
    """Of the lines of a set's file."""
    good: list[str] = []
    demonstrations: list[WorkedExample] = []
    for line in lines:
        row = json.loads(line)
        if row["kind"] == Kind.PAIR:
            good.append(row["chosen"])
        elif row["kind"] == Kind.DEMONSTRATION:
            good.append(row["completion"])
            asked = Message(Role.USER, row["messages"][-1]["content"])
            answered = Message(Role.ASSISTANT, row["completion"])
            demonstrations.append(WorkedExample(row["audience"], asked, answered))
    return LearntTexts(tuple(good), _first_of_each_audience(demonstrations))


def _first_of_each_audience(demonstrations: Iterable[WorkedExample]) -> tuple[WorkedExample, ...]:
    taken: Counter[str] = Counter()
    first: list[WorkedExample] = []
    for one in sorted(demonstrations, key=_place):
        if taken[one.audience] < EXAMPLES:
            taken[one.audience] += 1
            first.append(one)
    return tuple(first)


def _place(example: WorkedExample) -> bytes:
    return hashlib.sha256(f"{example.asked.content}\0{example.answered.content}".encode()).digest()
