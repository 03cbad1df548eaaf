"""From feedback to examples: which texts become rows of a training set, and why the others do not.

Pure: takes what people said up to a cutoff, gives rows in a fixed order. Reading feedback and freezing
rows is `services.training_sets`.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from services.domain.conversation import Message, Question, build_messages
from services.domain.splits import Split
from services.errors.inputs import InvalidPolicy

CountTokens = Callable[[tuple[Message, ...], str], int]


class Source(IntEnum):
    """Where a text came from; a higher source beats a lower one on the same prompt."""

    SEED = 0
    RATING = 1
    CORRECTION = 2


class DropReason(StrEnum):
    LOW_RATING = "rated below the minimum"
    SUPERSEDED = "the same prompt has a better or newer text"
    HELD_OUT = "held out to judge"
    TOO_LONG = "longer than the context"


@dataclass(frozen=True, slots=True)
class ExamplePolicy:
    """How feedback becomes rows; `minimum_new` counts feedback since the newest set that was learnt."""

    min_stars: int = 4
    holdout_percent: int = 15
    minimum_rows: int = 50
    minimum_new: int = 10

    def __post_init__(self) -> None:
        if self.min_stars not in range(1, 6):
            raise InvalidPolicy("min_stars must be 1 to 5.")
        if not 1 <= self.holdout_percent <= 50:
            raise InvalidPolicy("holdout_percent must lie between 1 and 50.")
        if self.minimum_rows < 1 or self.minimum_new < 0:
            raise InvalidPolicy("minimum_rows must be at least 1 and minimum_new at least 0.")


@dataclass(frozen=True, slots=True)
class FeedbackItem:
    """One text for one prompt: a correction, a rated answer (with its stars) or an imported example."""

    source: Source
    source_id: str
    question: Question
    prompt_key: str
    split: Split
    text: str
    stars: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One row for supervised training: the prompt's messages and the text to learn."""

    item: FeedbackItem
    messages: tuple[Message, ...]

    @property
    def completion(self) -> str:
        return self.item.text


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows in order of their prompt keys, held-out references in the same order, and what was dropped."""

    rows: tuple[Demonstration, ...]
    held_out: tuple[Demonstration, ...]
    dropped: dict[DropReason, int] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        counted = Counter(row.item.source.name.lower() for row in self.rows)
        return dict(sorted(counted.items()))


def build_examples(
    feedback: Iterable[FeedbackItem],
    policy: ExamplePolicy,
    *,
    system_template: str,
    max_tokens: int,
    count_tokens: CountTokens,
) -> Examples:
    """One row per prompt: a correction beats a rating beats a seed, the newest wins among equals.

    `count_tokens` gives the length of a rendered row; rows over `max_tokens` are dropped, never cut.
    """
    dropped: Counter[DropReason] = Counter()
    best: dict[str, FeedbackItem] = {}
    for item in feedback:
        if item.stars is not None and item.stars < policy.min_stars:
            dropped[DropReason.LOW_RATING] += 1
            continue
        rival = best.get(item.prompt_key)
        if rival is None or _rank(item) > _rank(rival):
            best[item.prompt_key] = item
        if rival is not None:
            dropped[DropReason.SUPERSEDED] += 1

    rows, held_out = [], []
    for key in sorted(best):
        item = best[key]
        row = Demonstration(item, build_messages(system_template, item.question))
        if count_tokens(row.messages, row.completion) > max_tokens:
            dropped[DropReason.TOO_LONG] += 1
        elif item.split is Split.HOLDOUT:
            dropped[DropReason.HELD_OUT] += 1
            held_out.append(row)
        else:
            rows.append(row)
    return Examples(tuple(rows), tuple(held_out), {reason: dropped[reason] for reason in sorted(dropped)})


def _rank(item: FeedbackItem) -> tuple[int, datetime, str]:
    return item.source, item.at, item.source_id
