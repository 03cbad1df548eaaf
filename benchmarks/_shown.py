"""What the benchmarks on published data share: the folder they are given, their base, and how they end.

The folder holds `tiny_lm_stories260K/hf_mlp192`, a causal model of 260 032 parameters, and the data sets.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine

from benchmarks._installation import own_installation
from benchmarks._nights import Judged
from benchmarks._serving import database, inference_server
from benchmarks._table import RESULTS, Bar, Relation, Row, report
from services.domain.example_policy import ExamplePolicy
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.personas import Persona, PersonaSlug
from services.errors.tree import InvalidInput, PersonaLoopError
from services.feedback.personas import PersonaPlan

BASE = "tiny_lm_stories260K/hf_mlp192"
# The base reads 512 tokens of a letter or two: a long system prompt would leave no room for the answers.
TEMPLATE = "Answer."
# Chosen on the first fifth of TruthfulQA, at the first try; nothing else was looked at before.
PREFERENCES = (
    "lora.r=8",
    "lora.alpha=16",
    "training.batch_size=8",
    "training.max_length=512",
    "preference.epochs=1",
    "preference.learning_rate=1e-3",
)
YES = Bar(Relation.IS, "yes")
# An accuracy that chance alone has once in a hundred nights of a hundred and sixty questions.
PREFERS = GatePolicy((Requirement("reward_accuracy", limit=0.6, minimum_items=50),))

Measure = Callable[[Engine, Path], list[Row]]


def show(name: str, data: str, arguments: Sequence[str], measure: Measure) -> int:
    """Measure in an installation of the benchmark's own, which stays, so that a stopped one goes on.

    `measure` gets the folder of the data set, with database and inference server up. Returns an exit code.
    """
    folder = folder_of(name, data, arguments)
    try:
        with (
            own_installation(
                RESULTS / name, BASE_MODEL=str(folder / BASE), RECIPE="embedded", OMP_NUM_THREADS="1"
            ) as settings,
            database(settings) as engine,
            inference_server(settings),
        ):
            rows = measure(engine, folder / data)
    except PersonaLoopError as error:
        print(error, file=sys.stderr)
        return 1
    report(name, rows)
    return 0


def folder_of(name: str, data: str, arguments: Sequence[str]) -> Path:
    """Where base and data lie. The process ends where no folder is named, or one that does not hold both."""
    if not arguments:
        print(f"{name} is left out: it needs the folder of {BASE} and {data} as its argument.")
        sys.exit(0)
    folder = Path(arguments[0]).resolve()
    missing = [part for part in (BASE, data) if not (folder / part).is_dir()]
    if missing:
        print(f"{arguments[0]} holds no {' and no '.join(missing)}: name a folder of both.", file=sys.stderr)
        sys.exit(2)
    return folder


def plan(slug: str, policy: ExamplePolicy, overrides: tuple[str, ...] = PREFERENCES) -> PersonaPlan:
    """A persona that learns preferences, and is let through only if it prefers what people did."""
    persona = Persona(PersonaSlug(slug), slug, system_template=TEMPLATE)
    return PersonaPlan(persona, policy, PREFERS, recipe_overrides=overrides)


def had(night: Judged | str) -> Judged:
    """The night; InvalidInput with the reason where there was none."""
    if isinstance(night, str):
        raise InvalidInput(night)
    return night


def yes(holds: bool) -> str:  # noqa: FBT001  (a word for a table)
    return "yes" if holds else "no"
