"""The API asked what its own document allows, and what it does not: how often it fails or says otherwise.

    python -m benchmarks.fuzz [REQUESTS]

The whole app answers in this process, on an embedded PostgreSQL of its own and without limits on how often;
in place of a model, a sentence that is always the same. Violations are printed below the table.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from benchmarks._fuzzing import PERSONA, Fuzzed, fuzz
from benchmarks._installation import own_installation
from benchmarks._serving import database
from benchmarks._table import Bar, Relation, Row, report
from feedback_app import create_app
from feedback_app.limits import Limits
from services.accounts import clients
from services.db.session import session_scope
from services.domain.conversation import Message
from services.domain.fingerprint import ServerFacts
from services.domain.personas import Persona, PersonaSlug
from services.domain.scopes import Scope
from services.feedback.personas import PersonaPlan, create_persona
from services.language_model.asking import Generated, GenerationRequest, Hearing
from services.settings import Settings

NAME = "fuzz"
REQUESTS = 10_000
CHANCE = 20_261_121


@dataclass(frozen=True, slots=True)
class _Sentence:
    """What a Generator says where nothing of a model matters."""

    text: str = "The rivers carry it there."

    def generate(
        self,
        request: GenerationRequest,  # noqa: ARG002 - the Protocol's signature
        heard: Hearing | None = None,  # noqa: ARG002
    ) -> Generated:
        return Generated(self.text, "stop", prompt_tokens=1, completion_tokens=5)

    def log_probabilities(
        self,
        model: str,  # noqa: ARG002 - the Protocol's signature
        messages: tuple[Message, ...],  # noqa: ARG002
        completion: str,
    ) -> tuple[float, ...]:
        return tuple(-1.0 for _ in completion.split())

    def facts(self) -> ServerFacts:
        return ServerFacts("no base", "none", "cpu", "1", {})


def main() -> int:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, own_installation(Path(folder)) as settings:
        Path(folder).chmod(0o711)  # PostgreSQL's user looks into it
        with database(settings) as engine:
            fuzzed, seconds = _fuzz(settings, engine, requests)
    report(NAME, _rows(fuzzed, seconds))
    for what, shown in fuzzed.violations.items():
        print(f"\n{what}\n{shown}")
    return 0


def _fuzz(settings: Settings, engine: Engine, requests: int) -> tuple[Fuzzed, float]:
    at = datetime.now(UTC)
    with session_scope(engine) as session:
        create_persona(session, PersonaPlan(Persona(PersonaSlug(PERSONA), "Pirate")), at=at)
        token = clients.create(session, NAME, list(Scope), actor="benchmark", at=at)
    unlimited = settings.model_copy(update=dict.fromkeys(Limits.NAMES, "1000000000/minute"))
    app = create_app(unlimited, engine=engine, generator=_Sentence())
    begun = time.perf_counter()
    fuzzed = fuzz(app, token, requests=requests, chance=CHANCE)
    return fuzzed, time.perf_counter() - begun


def _rows(fuzzed: Fuzzed, seconds: float) -> list[Row]:
    none = Bar(Relation.IS, 0)
    failed = sum(count for status, count in fuzzed.statuses.items() if status >= 500)
    return [
        Row("requests", fuzzed.requests, bar=Bar(Relation.AT_LEAST, REQUESTS)),
        *(Row(f"answered {status}", count) for status, count in sorted(fuzzed.statuses.items())),
        Row("answered 5xx", failed, bar=none),
        Row("kinds of violation of the document", len(fuzzed.violations), bar=none),
        Row("seconds", round(seconds, 1)),
    ]


if __name__ == "__main__":
    sys.exit(main())
