"""Asking the version that serves, and falling back when its files fail their check.

Holds no transaction while the model generates. Storing the answer is `services.feedback.recording`'s.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine

from services.adapters.promotions import Serving, find_persona, who_serves, withdraw
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.personas import Persona, PersonaSlug
from services.domain.promotions import BASE_VERSION
from services.errors.artifacts import AdapterCorrupt, AdapterMissing
from services.errors.tree import Unavailable
from services.language_model.asking import Generated, GenerationRequest, Generator
from services.language_model.asking_in_format import InFormat, ask_in_format

logger = logging.getLogger(__name__)

ACTOR = "answering"


class Listener(Protocol):
    """Is told an answer while it is written."""

    def begin(self) -> None:
        """What was told before, if anything, is void: the answer is written anew."""
        ...

    def hear(self, piece: str) -> bool:
        """The next words; false for enough."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What was generated, the version that really made it, and how long all attempts took."""

    serving: Serving
    answer: InFormat
    latency_ms: int


def answer(  # noqa: PLR0913  (what an ask consists of)
    engine: Engine,
    generator: Generator,
    question: Question,
    *,
    persona: Persona,
    seed: int,
    serving: Serving,
    listener: Listener | None = None,
    at: datetime,
) -> Answered:
    """Generate with the serving version; an unsound one is withdrawn and its replacement answers.

    Where only a retry for the format finds the server busy or gone, the answer before it is given as invalid.
    Raises InferenceBusy, InferenceUnavailable, TextTooLong, and
    AdapterMissing from a server that does not know even the plain base by its name.
    """
    started = time.monotonic()
    while True:
        try:
            answered = ask_in_format(
                _heard_by(listener, generator),
                persona,
                question,
                model=serving.name,
                seed=seed,
                content_at=(Unavailable,),  # who waits is better served with what there is
            )
        except (AdapterCorrupt, AdapterMissing) as problem:
            if serving.number == BASE_VERSION:
                raise  # the base has no files that could fail: withdrawing it would never end
            serving = _replacement(engine, persona.slug, unsound=serving, problem=problem, at=at)
        else:
            return Answered(serving, answered, round((time.monotonic() - started) * 1000))


def _heard_by(listener: Listener | None, generator: Generator) -> Callable[[GenerationRequest], Generated]:
    if listener is None:
        return generator.generate

    def ask(request: GenerationRequest) -> Generated:
        listener.begin()
        return generator.generate(request, listener.hear)

    return ask


def _replacement(
    engine: Engine, persona: PersonaSlug, *, unsound: Serving, problem: Exception, at: datetime
) -> Serving:
    """Withdraw the version; who serves instead is the newest sound one, or the base."""
    logger.error("persona %s: version %s is withdrawn: %s", persona, unsound.number, problem)
    with session_scope(engine) as session:
        withdraw(session, version_id=unsound.version_id, problem=str(problem), actor=ACTOR, at=at)
        return who_serves(session, find_persona(session, persona))
