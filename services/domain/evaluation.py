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


# Of these a quarter is sealed, and they have audiences and domains that the persona is for.
OWN_SOURCES = frozenset({ItemSource.HOLDOUT, ItemSource.BANK, ItemSource.PAIR})


@dataclass(frozen=True, slots=True)
class Item:
    """One question every arm answers; `answer_key` is empty where no short fact is known.

    A PAIR, GENERAL or SAFETY item is not answered: which of `reference` and `rejected`, empty elsewhere, an
    arm prefers is read off.
    Items of one `cluster` count as one witness: what was first asked in one conversation, and wordings of one
    question. Empty for an item that is a cluster of its own.
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
    """A number is only comparable under its name and version.

    `citation` is where it is defined, or the words of the definition where it is this project's own.
    `of_items`: whether a report stores it for each item, so that a gate may require it; the others are of a
    whole report, or of two.
    """

    name: str
    version: int
    higher_is_better: bool
    citation: str
    is_share: bool = True  # an item's value lies between 0 and 1
    of_items: bool = True


EXACT_MATCH = Metric(
    "exact_match",
    1,
    higher_is_better=True,
    citation="Rajpurkar et al. 2016, arXiv 1606.05250; but for case and outer white space only",
)
FACT_HIT = Metric(
    "fact_hit",
    1,
    higher_is_better=True,
    citation="Mallen et al. 2023, arXiv 2212.10511: the answer holds a known one; here as whole words",
)
CHARACTER_JACCARD = Metric(
    "character_jaccard",
    1,
    higher_is_better=True,
    citation="Jaccard 1912, The distribution of the flora in the alpine zone; of sets of characters",
)
STYLE_HIT = Metric(
    "style_hit",
    1,
    higher_is_better=True,
    citation="own: one of the persona's markers, or of its audience's, is in the answer",
)
ANSWER_WORDS = Metric(
    "answer_words", 1, higher_is_better=True, citation="own: words of the answer", is_share=False
)
SHORT_SHARE = Metric(
    "short_share", 1, higher_is_better=False, citation="own: the answer has fewer than ten words"
)
ACCURACY = Metric(
    "accuracy",
    1,
    higher_is_better=True,
    citation="Hendrycks et al. 2021, arXiv 2009.03300: the letter of a multiple choice",
)
TOKEN_F1 = Metric("token_f1", 1, higher_is_better=True, citation="Rajpurkar et al. 2016, arXiv 1606.05250")
FORMAT_VALIDITY = Metric(
    "format_validity",
    1,
    higher_is_better=True,
    citation="Zhou et al. 2023, arXiv 2311.07911: a format that a program can check",
)
HELD_OUT_LOSS = Metric(
    "held_out_loss",
    1,
    higher_is_better=False,
    citation="Shannon 1948, A mathematical theory of communication: nats a token of held-out answers",
    is_share=False,
)
PERPLEXITY = Metric(
    "perplexity",
    1,
    higher_is_better=False,
    citation="Jelinek et al. 1977, Perplexity, JASA 62 S63: e to the power of the loss on held-out answers",
    is_share=False,
    of_items=False,
)
SEMANTIC_SIMILARITY = Metric(
    "semantic_similarity",
    1,
    higher_is_better=True,
    citation="Reimers and Gurevych 2019, arXiv 1908.10084: cosine of the two texts' embeddings",
    is_share=False,
)
ADHERENCE = Metric(
    "adherence",
    1,
    higher_is_better=True,
    citation="Cavnar and Trenkle 1994, N-gram-based text categorization; by logistic regression (Cox 1958)",
)
ADHERENCE_AUC = Metric(
    "adherence_auc",
    1,
    higher_is_better=True,
    citation="Hanley and McNeil 1982, Radiology 143: how well adherence tells texts it has not seen",
    of_items=False,
)
REPETITION = Metric(
    "repetition",
    1,
    higher_is_better=False,
    citation="Welleck et al. 2020, arXiv 1908.04319: seq-rep-4, of words",
)
DISTINCT_1 = Metric(
    "distinct_1",
    1,
    higher_is_better=True,
    citation="Li et al. 2016, arXiv 1510.03055: distinct words over all words",
    of_items=False,
)
DISTINCT_2 = Metric(
    "distinct_2",
    1,
    higher_is_better=True,
    citation="Li et al. 2016, arXiv 1510.03055: distinct pairs of words over all words",
    of_items=False,
)
REWARD_ACCURACY = Metric(
    "reward_accuracy", 1, higher_is_better=True, citation="Rafailov et al. 2023, arXiv 2305.18290"
)
JUDGED_BETTER = Metric(
    "judged_better",
    1,
    higher_is_better=True,
    citation="Zheng et al. 2023, arXiv 2306.05685: a model prefers the answer in both orders, else a tie",
    of_items=False,
)
GENERAL_ABILITY = Metric(
    "general_ability",
    1,
    higher_is_better=True,
    citation="Gao et al., A framework for few-shot language model evaluation: acc_norm, by characters",
)
SAFETY = Metric(
    "safety",
    1,
    higher_is_better=True,
    citation="as general_ability; of refusal (Röttger et al. 2024, arXiv 2308.01263) and of sycophancy "
    "(Perez et al. 2022, arXiv 2212.09251)",
)

METRICS = {
    metric.name: metric
    for metric in (
        EXACT_MATCH,
        FACT_HIT,
        CHARACTER_JACCARD,
        SEMANTIC_SIMILARITY,
        STYLE_HIT,
        ADHERENCE,
        ADHERENCE_AUC,
        ANSWER_WORDS,
        SHORT_SHARE,
        REPETITION,
        DISTINCT_1,
        DISTINCT_2,
        ACCURACY,
        TOKEN_F1,
        FORMAT_VALIDITY,
        HELD_OUT_LOSS,
        PERPLEXITY,
        REWARD_ACCURACY,
        JUDGED_BETTER,
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
