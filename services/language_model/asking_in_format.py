"""Asking until the answer is in its persona's format: the one way people and evaluations are answered.

What the format is and whether an answer is in it is `services.domain.answer_formats`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.domain.conversation import Question, WorkedExample, persona_messages, with_examples
from services.domain.personas import Persona
from services.errors.tree import PersonaLoopError
from services.language_model.asking import STOPPED, Generated, GenerationRequest

# A greedy answer asked for again would be the same one: from the second attempt on it is drawn.
RETRY_TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class InFormat:
    """The last text that was generated and the request that gave it, after so many attempts.

    `valid` says whether it is in the format; None where nothing was looked at.
    """

    generated: Generated
    request: GenerationRequest
    attempts: int
    valid: bool | None


def ask_in_format(
    ask: Callable[[GenerationRequest], Generated],
    persona: Persona,
    question: Question,
    *,
    model: str,
    seed: int,
    examples: Sequence[WorkedExample] = (),
    content_at: tuple[type[PersonaLoopError], ...] = (),
) -> InFormat:
    """The first answer in the format, else the last of all attempts; raises what `ask` raises.

    A retry that raises one of `content_at` ends the attempts instead: the answer that is at hand is the last.
    """
    rules = persona.answers
    request = GenerationRequest(
        model=model,
        messages=with_examples(persona_messages(persona, question), examples),
        settings=persona.generation,
        seed=seed,
        stop=rules.stop,
    )
    generated = ask(request)
    if not (rules.validation and rules.constrain):
        return InFormat(generated, request, attempts=1, valid=None)
    attempts = 1
    while (problem := rules.problem(generated.text, question.text)) and attempts <= rules.max_retries:
        if generated.finish_reason == STOPPED:
            break
        again = _again(request, seed=_seed_of_retry(seed, attempts))
        try:
            generated = ask(again)
        except content_at:
            break
        request = again
        attempts += 1
    return InFormat(generated, request, attempts=attempts, valid=problem is None)


def _again(request: GenerationRequest, *, seed: int) -> GenerationRequest:
    settings = request.settings
    if not settings.do_sample:
        settings = replace(settings, do_sample=True, temperature=RETRY_TEMPERATURE)
    return replace(request, seed=seed, settings=settings)


def _seed_of_retry(first: int, retry: int) -> int:
    """31 bits of a hash: a retry repeats no other attempt, and is the same whenever it is made."""
    return int.from_bytes(hashlib.sha256(f"{first} {retry}".encode()).digest()[:4], "big") >> 1
