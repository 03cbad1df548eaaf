"""The demo's night: `nightly_retrain` started on the real scheduler and followed to its end, aloud."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from sqlalchemy import Engine, select

from services.db.lineage_tables import TrainingRunRow
from services.db.session import session_scope
from services.jobs import assemble as assembling
from services.jobs import due
from services.operations.airflow_client import AirflowClient, RunState, TaskState
from services.settings import Settings

DAG_ID = "nightly_retrain"
PATIENCE_S = 1800.0
WORTH_TELLING = frozenset({"running", "success", "failed", "skipped", "up_for_retry", "upstream_failed"})
SECONDS_BETWEEN_STEPS = 5.0  # between two lines about a training run
SECONDS_BETWEEN_EVALUATING = 30.0  # between two about an evaluation


@dataclass(frozen=True, slots=True)
class Night:
    """How the run ended, and per skipped persona the reason."""

    state: RunState
    skipped: dict[str, str]


def run_night(
    settings: Settings, engine: Engine, console: Console, *, evaluated: Callable[[str], None]
) -> Night:
    """One night from trigger to end; `evaluated` is called with a persona's slug once it may be promoted.

    Raises AirflowUnavailable, RunTooSlow.
    """
    personas = due.due_personas()  # in the order of the mapped tasks
    skipped: list[str] = []
    evaluating: dict[str, float] = {}  # since when, by persona

    def tell(task: TaskState) -> None:
        step = task.task_id.rsplit(".", 1)[-1]
        persona = personas[task.map_index] if task.map_index in range(len(personas)) else ""
        if task.state in WORTH_TELLING and persona not in skipped:
            console.print(f"  {step:<13} {persona:<12} {task.state}")
        if (step, task.state) == ("assemble", "skipped"):
            skipped.append(persona)
        if step == "evaluate":
            note_evaluating(evaluating, persona, task.state, at=time.monotonic())
        if (step, task.state) == ("evaluate", "success"):
            evaluated(persona)

    with (
        AirflowClient(settings) as airflow,
        _training_told(engine, console),
        evaluating_told(evaluating, console, every=SECONDS_BETWEEN_EVALUATING),
    ):
        run_id = airflow.trigger(DAG_ID)
        run = airflow.wait(DAG_ID, run_id, timeout=PATIENCE_S, progress=tell)
    reasons = {persona: _reason(persona, run.run_after) for persona in skipped}
    return Night(run.state, reasons)


def _reason(persona: str, run_after: str) -> str:
    """What the task was told: the same question to the same job gives the same answer."""
    return assembling.assemble(persona, run_after).get("skipped", "")


def note_evaluating(evaluating: dict[str, float], persona: str, state: str, *, at: float) -> None:
    """Of whom it has to be told that they are evaluated: from when that runs until it does no more."""
    if state == "running":
        evaluating.setdefault(persona, at)
    else:
        evaluating.pop(persona, None)


@contextmanager
def evaluating_told(evaluating: dict[str, float], console: Console, *, every: float) -> Iterator[None]:
    """While the block runs, a line every so many seconds for whoever is evaluated: no more is stored."""

    def tell() -> None:
        for persona, began in tuple(evaluating.items()):
            console.print(f"    {persona} is being evaluated, {time.monotonic() - began:.0f} s so far")

    with _now_and_then(tell, every=every):
        yield


@contextmanager
def _training_told(engine: Engine, console: Console) -> Iterator[None]:
    """While the block runs, say now and then how far the running training is."""
    told = 0

    def tell() -> None:
        nonlocal told
        with session_scope(engine) as session:
            run = session.scalar(select(TrainingRunRow).where(TrainingRunRow.state == "running"))
            if run is not None and run.loss is not None and run.step != told:
                told = run.step
                console.print(f"    step {run.step} of {run.total_steps}, loss {run.loss:.3f}")

    with _now_and_then(tell, every=SECONDS_BETWEEN_STEPS):
        yield


@contextmanager
def _now_and_then(tell: Callable[[], None], *, every: float) -> Iterator[None]:
    """While the block runs, in a thread of its own; `every` is in seconds."""
    ending = threading.Event()

    def go_on() -> None:
        while not ending.wait(every):
            tell()

    teller = threading.Thread(target=go_on, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ending.set()
        teller.join()
