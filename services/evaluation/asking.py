"""Putting a suite to one version: a client of the inference server, asking as the persona is served.

There is no second generation path: what is scored here is what people would get.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from services.domain.conversation import build_messages
from services.domain.evaluation import Item, ItemSource
from services.domain.personas import Persona
from services.errors import InferenceBusy
from services.evaluation.scoring import ItemScore, score
from services.language_model.asking import GenerationRequest, Generator

logger = logging.getLogger(__name__)

Reply = TypeVar("Reply")

# Enough requests under way to fill the server's batches, few enough to leave room in its queue for people.
REQUESTS_AT_ONCE = 64


def ask_all(
    generator: Generator,
    *,
    model: str,
    persona: Persona,
    items: Sequence[Item],
    wait: Callable[[], None],
) -> list[ItemScore]:
    """Scores of every item in the order given; `wait` is called before a refused request is sent again.

    Every arm gets the same seed for the same item. Raises InferenceUnavailable, AdapterCorrupt,
    AdapterMissing.
    """
    scores: list[ItemScore] = []
    ask_one = partial(_ask_one, generator, model, persona, wait)
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
    generator: Generator, model: str, persona: Persona, wait: Callable[[], None], item: Item
) -> ItemScore:
    seed = item_seed(item)
    messages = build_messages(persona.system_template, item.question)
    request = GenerationRequest(model=model, messages=messages, settings=persona.generation, seed=seed)
    generated = _patiently(lambda: generator.generate(request), wait)
    log_probabilities: tuple[float, ...] = ()
    if item.source is ItemSource.HOLDOUT:
        log_probabilities = _patiently(
            lambda: generator.log_probabilities(model, messages, item.reference), wait
        )
    return score(
        item,
        generated.text,
        seed=seed,
        markers=persona.markers,
        log_probabilities=log_probabilities,
    )


def _patiently(request: Callable[[], Reply], wait: Callable[[], None]) -> Reply:
    while True:
        try:
            return request()
        except InferenceBusy:
            wait()
