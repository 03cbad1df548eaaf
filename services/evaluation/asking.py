"""Putting a suite to one version: a client of the inference server, asking as the persona is served.

There is no second generation path: what is scored here is what people would get.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from services.domain.conversation import Message, WorkedExample, persona_messages, with_examples
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona
from services.errors.inputs import TextTooLong
from services.errors.outages import InferenceBusy
from services.evaluation.scoring import Scored, score, score_choice, score_pair
from services.language_model.asking import BASE_NAME, Generator
from services.language_model.asking_in_format import ask_in_format

logger = logging.getLogger(__name__)

Reply = TypeVar("Reply")
ExamplesFor = Callable[[str], tuple[WorkedExample, ...]]

# Enough requests under way to fill the server's batches, few enough to leave room in its queue for people.
REQUESTS_AT_ONCE = 64
SECONDS_BETWEEN_TRIES = 0.5
# A full queue is worked off in a few minutes even on two CPU cores; one that has no room for ten minutes
# belongs to a server that answers nobody, and who started the evaluation should hear of it.
PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Arm:
    """Whom the items are put to, and what it is shown before a question for an audience."""

    generator: Generator
    model: str
    persona: Persona
    sleep: Callable[[float], object]
    examples: ExamplesFor

    def patiently(self, request: Callable[[Generator], Reply]) -> Reply:
        return patiently(lambda: request(self.generator), self.sleep)


def patiently(request: Callable[[], Reply], sleep: Callable[[float], object]) -> Reply:
    """A refusal is told at once, so the sleeps are the time that was waited."""
    for _ in range(int(PATIENCE_SECONDS / SECONDS_BETWEEN_TRIES)):
        try:
            return request()
        except InferenceBusy:
            sleep(SECONDS_BETWEEN_TRIES)
    return request()


def no_examples(_: str) -> tuple[WorkedExample, ...]:
    return ()


def ask_all(
    generator: Generator,
    *,
    model: str,
    persona: Persona,
    items: Sequence[Item],
    sleep: Callable[[float], object],
    examples: ExamplesFor = no_examples,
) -> list[Scored]:
    """Scores of every item in the order given; `sleep` gets the seconds before a refused request goes again.

    Every arm gets the same seed for the same item. `examples` for the item's audience are shown as earlier
    turns, as many as the context has room for. Raises InferenceUnavailable at once,
    InferenceBusy when one request was refused for PATIENCE_SECONDS, AdapterCorrupt, AdapterMissing.
    """
    scores: list[Scored] = []
    ask_one = partial(_ask_one, _Arm(generator, model, persona, sleep, examples))
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for done, scored in enumerate(pool.map(ask_one, items), start=1):
            scores.append(scored)
            if done % 50 == 0 or done == len(items):
                logger.info("%s: %d of %d items answered", model, done, len(items))
    return scores


def item_seed(item: Item) -> int:
    """The sampling seed of an item: 31 bits of the hash of its key."""
    return int.from_bytes(hashlib.sha256(item.key.encode()).digest()[:4], "big") >> 1


def _ask_one(arm: _Arm, item: Item) -> Scored:
    shown = arm.examples(item.question.audience)
    while True:
        try:
            return _prefer(arm, item, shown) if item.rejected else _answer(arm, item, shown)
        except TextTooLong:
            if not shown:
                raise
            shown = shown[:-1]


def _answer(arm: _Arm, item: Item, shown: Sequence[WorkedExample]) -> Scored:
    answered = ask_in_format(
        lambda request: arm.patiently(lambda generator: generator.generate(request)),
        arm.persona,
        item.question,
        model=arm.model,
        seed=item_seed(item),
        examples=shown,
    )
    log_probabilities: tuple[float, ...] = ()
    if item.source is ItemSource.HOLDOUT:
        asked = answered.request.messages
        log_probabilities = arm.patiently(
            lambda generator: generator.log_probabilities(arm.model, asked, item.reference)
        )
    return score(
        item,
        answered.generated.text,
        seed=answered.request.seed,
        attempts=answered.attempts,
        markers=arm.persona.markers,
        rules=arm.persona.answers,
        log_probabilities=log_probabilities,
    )


def _prefer(arm: _Arm, item: Item, shown: Sequence[WorkedExample]) -> Scored:
    """Both texts under the model; of a pair under the plain base too, which by definition prefers neither."""
    plain = persona_messages(arm.persona, item.question)
    asked = with_examples(plain, shown)

    def log_probability(name: str, messages: tuple[Message, ...], text: str) -> float:
        return math.fsum(arm.patiently(lambda generator: generator.log_probabilities(name, messages, text)))

    def raised(text: str) -> float:
        if arm.model == BASE_NAME and not shown:
            return 0.0
        return log_probability(arm.model, asked, text) - log_probability(BASE_NAME, plain, text)

    if item.source is not ItemSource.PAIR:
        better = log_probability(arm.model, asked, item.reference)
        worse = log_probability(arm.model, asked, item.rejected)
        return score_choice(item, better=better, worse=worse)
    return score_pair(item, chosen=raised(item.reference), rejected=raised(item.rejected))
