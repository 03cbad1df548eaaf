"""What people said of one prompt, reconciled: the values that examples are made from.

Reconciling is `consensus` and `raters`; what becomes of the values is decided in `examples`.
"""

from dataclasses import dataclass
from datetime import datetime

from services.domain.conversation import Question
from services.domain.feedback import Reason
from services.domain.splits import Split


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """An answer with what its raters said together; a prompt has each text once.

    `good` and `poor` are probabilities by consensus, `good_raters` how many of `raters` called it good;
    `opinions` are the sources ("rating:12") that were counted, `reasons` every tag given with one of them.
    """

    answer_id: str
    text: str
    good: float
    poor: float
    good_raters: int
    raters: tuple[int, ...]
    opinions: tuple[str, ...]
    reasons: frozenset[Reason]


@dataclass(frozen=True, slots=True)
class Correction:
    """A rater's better text for an answer; `reliability` is the rater's, between 0 and 1."""

    source: str
    answer_text: str
    text: str
    rater: int
    reliability: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Preference:
    """A rater's choice between two texts, turned so that `chosen` is the better one if `ordered`.

    A tie and "both bad" order nothing.
    """

    source: str
    chosen: str
    rejected: str
    rater: int
    reliability: float
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Seed:
    """An imported demonstration; nobody rated it."""

    source: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PromptFeedback:
    """Everything said of one prompt up to the cutoff."""

    question: Question
    prompt_key: str
    split: Split
    answers: tuple[RatedAnswer, ...] = ()
    corrections: tuple[Correction, ...] = ()
    preferences: tuple[Preference, ...] = ()
    seeds: tuple[Seed, ...] = ()
