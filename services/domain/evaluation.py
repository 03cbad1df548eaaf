"""What a judgement is made of: items that are asked, scores per item, metrics with their direction."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from services.domain.conversation import Question
from services.domain.splits import split_key

OVERALL = "overall"
SEALED_SHARE = 0.25  # of a persona's own items


class ItemSource(StrEnum):
    HOLDOUT = "holdout"  # a prompt people rated or corrected, kept out of training; its text is the reference
    BANK = "bank"  # a question with a known answer that nobody was shown for rating
    PAIR = "pair"  # two answers to a held-out prompt, the reference above the other by what people said
    GENERAL = "general"  # a right and a wrong answer; asked of every persona, whatever it is for
    SAFETY = "safety"  # how one should answer and how one should not; asked of every persona as well


@dataclass(frozen=True, slots=True)
class Item:
    """One question every arm answers; `answer_key` is empty where no short fact is known.

    A PAIR, GENERAL or SAFETY item is not answered: which of `reference` and `rejected`, empty elsewhere, an
    arm prefers is read off.
    `cluster` is the conversation that a held-out prompt was first asked in, or the prompt's key where nobody
    asked it; empty for an item that is a cluster of its own.
    """

    key: str
    source: ItemSource
    question: Question
    reference: str
    answer_key: str
    rejected: str = ""
    cluster: str = ""

    @property
    def is_sealed(self) -> bool:
        """Whether it is looked at for promotions alone, drawn by hash of what is asked.

        A prompt and its pairs are sealed together, for every audience and for ever: being asked anew changes
        nothing. The prompts of one conversation are drawn each by itself.
        """
        drawn = hashlib.sha256(f"sealed {split_key(self.question)}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") < SEALED_SHARE * 2**32


@dataclass(frozen=True, slots=True)
class Metric:
    """A number is only comparable under its name and version."""

    name: str
    version: int
    higher_is_better: bool
    is_share: bool = True  # an item's value lies between 0 and 1


EXACT_MATCH = Metric("exact_match", 1, higher_is_better=True)
FACT_HIT = Metric("fact_hit", 1, higher_is_better=True)
CHARACTER_JACCARD = Metric("character_jaccard", 1, higher_is_better=True)
STYLE_HIT = Metric("style_hit", 1, higher_is_better=True)
ANSWER_WORDS = Metric("answer_words", 1, higher_is_better=True, is_share=False)
SHORT_SHARE = Metric("short_share", 1, higher_is_better=False)
ACCURACY = Metric("accuracy", 1, higher_is_better=True)
TOKEN_F1 = Metric("token_f1", 1, higher_is_better=True)
FORMAT_VALIDITY = Metric("format_validity", 1, higher_is_better=True)
HELD_OUT_LOSS = Metric("held_out_loss", 1, higher_is_better=False, is_share=False)
REWARD_ACCURACY = Metric("reward_accuracy", 1, higher_is_better=True)
GENERAL_ABILITY = Metric("general_ability", 1, higher_is_better=True)
SAFETY = Metric("safety", 1, higher_is_better=True)

METRICS = {
    metric.name: metric
    for metric in (
        EXACT_MATCH,
        FACT_HIT,
        CHARACTER_JACCARD,
        STYLE_HIT,
        ANSWER_WORDS,
        SHORT_SHARE,
        ACCURACY,
        TOKEN_F1,
        FORMAT_VALIDITY,
        HELD_OUT_LOSS,
        REWARD_ACCURACY,
        GENERAL_ABILITY,
        SAFETY,
    )
}


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A mean over the items of one slice: "overall", "audience:student", "domain:music", "language:german".

    `value` is None where the mean is infinite or not a number, which the loss of a diverged model can be.
    """

    name: str
    slice: str
    value: float | None
    items: int
