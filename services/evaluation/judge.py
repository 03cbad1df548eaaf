"""Letting a model judge: each answer of a candidate against the champion's, in both orders."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from services.domain.conversation import Message
from services.domain.evaluation import Item
from services.domain.personas import GenerationSettings, Persona
from services.evaluation.asking import item_seed, patiently
from services.evaluation.judge_prompt import candidate_better, judge_messages, read_verdict
from services.evaluation.scoring import JudgedScore
from services.language_model.asking import GenerationRequest, Generator

_AT_ONCE = 8  # questions under way; an endpoint of others has limits of its own
_SETTINGS = GenerationSettings(max_new_tokens=512, min_new_tokens=0, do_sample=False, repetition_penalty=1.0)


@dataclass(frozen=True, slots=True)
class Contested:
    """One item with both answers."""

    item: Item
    candidate: str
    champion: str


def judge_all(
    generator: Generator,
    *,
    model: str,
    persona: Persona,
    contested: Sequence[Contested],
    sleep: Callable[[float], object],
) -> list[JudgedScore]:
    """The judge's verdict on each item in the order given; raises what `generate` raises.

    Equal answers are a tie that nobody is asked about.
    """

    def ask(seed: int, messages: tuple[Message, ...]) -> str:
        request = GenerationRequest(model, messages, _SETTINGS, seed)
        return patiently(lambda: generator.generate(request).text, sleep)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(partial(_judge, ask, persona), contested))


def _judge(
    ask: Callable[[int, tuple[Message, ...]], str], persona: Persona, contested: Contested
) -> JudgedScore:
    item, sides = contested.item, (contested.candidate, contested.champion)
    if sides[0].strip() == sides[1].strip():
        return JudgedScore(item, *sides, (), 0.5)
    first, second = (
        ask(item_seed(item), judge_messages(persona, item.question, *shown)) for shown in (sides, sides[::-1])
    )
    better = candidate_better(read_verdict(first), read_verdict(second))
    return JudgedScore(item, *sides, (first, second), better)
