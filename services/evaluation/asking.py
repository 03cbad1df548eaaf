"""Putting a suite to one version: a client of the inference server, asking as the persona is served.

There is no second generation path: what is scored here is what people would get.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from services.domain.conversation import Message, persona_messages
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona
from services.errors.outages import InferenceBusy
from services.evaluation.scoring import Scored, score, score_choice, score_pair
from services.language_model.asking import BASE_NAME, Generator
from services.language_model.asking_in_format import ask_in_format

logger = logging.getLogger(__name__)

Reply = TypeVar("Reply")

# Enough requests under way to fill the server's batches, few enough to leave room in its queue for people.
REQUESTS_AT_ONCE = 64
SECONDS_BETWEEN_TRIES = 0.5
# A full queue is worked off in a few minutes even on two CPU cores; one that has no room for ten minutes
# belongs to a server that answers nobody, and who started the evaluation should hear of it.
PATIENCE_SECONDS = 600.0


def ask_all(
    generator: Generator,
    *,
    model: str,
    persona: Persona,
    items: Sequence[Item],
    sleep: Callable[[float], object],
) -> list[Scored]:
    """Scores of every item in the order given; `sleep` gets the seconds before a refused request goes again.

    Every arm gets the same seed for the same item. Raises InferenceUnavailable at once,
    InferenceBusy when one request was refused for PATIENCE_SECONDS, AdapterCorrupt, AdapterMissing.
    """
    scores: list[Scored] = []
    ask_one = partial(_ask_one, generator, model, persona, sleep)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        for done, scored in enumerate(pool.map(ask_one, items), start=1):
            scores.append(scored)
            if done % 50 == 0 or done == len(items):
                logger.info("%s: %d of %d items answered", model, done, len(items))
    return scores


def item_seed(item: Item) -> int:
    """The sampling seed of an item: 31 bits of the hash of its key."""
    return int.from_bytes(hashlib.sha256(item.key.encode()).digest()[:4], "big") >> 1


def _ask_one(
    generator: Generator, model: str, persona: Persona, sleep: Callable[[float], object], item: Item
) -> Scored:
    if item.rejected:
        return _prefer(generator, model, persona_messages(persona, item.question), sleep, item)
    answered = ask_in_format(
        lambda request: _patiently(lambda: generator.generate(request), sleep),
        persona,
        item.question,
        model=model,
        seed=item_seed(item),
    )
    log_probabilities: tuple[float, ...] = ()
    if item.source is ItemSource.HOLDOUT:
        log_probabilities = _patiently(
            lambda: generator.log_probabilities(model, answered.request.messages, item.reference), sleep
        )
    return score(
        item,
        answered.generated.text,
        seed=answered.request.seed,
        attempts=answered.attempts,
        markers=persona.markers,
        rules=persona.answers,
        log_probabilities=log_probabilities,
    )


def _prefer(
    generator: Generator,
    model: str,
    messages: tuple[Message, ...],
    sleep: Callable[[float], object],
    item: Item,
) -> Scored:
    """Both texts under the model; of a pair under the plain base too, which by definition prefers neither."""

    def log_probability(name: str, text: str) -> float:
        return math.fsum(_patiently(lambda: generator.log_probabilities(name, messages, text), sleep))

    def raised(text: str) -> float:
        return 0.0 if model == BASE_NAME else log_probability(model, text) - log_probability(BASE_NAME, text)

    if item.source is not ItemSource.PAIR:
        better, worse = log_probability(model, item.reference), log_probability(model, item.rejected)
        return score_choice(item, better=better, worse=worse)
    return score_pair(item, chosen=raised(item.reference), rejected=raised(item.rejected))


def _patiently(request: Callable[[], Reply], sleep: Callable[[float], object]) -> Reply:
    """A refusal is told at once, so the sleeps are the time that was waited."""
    for _ in range(int(PATIENCE_SECONDS / SECONDS_BETWEEN_TRIES)):
        try:
            return request()
        except InferenceBusy:
            sleep(SECONDS_BETWEEN_TRIES)
    return request()
