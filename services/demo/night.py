"""The demo's night: `nightly_retrain` started on the real scheduler and followed to its end, aloud."""

import threading
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

    def tell(task: TaskState) -> None:
        step = task.task_id.rsplit(".", 1)[-1]
        persona = personas[task.map_index] if task.map_index in range(len(personas)) else ""
        if task.state in WORTH_TELLING and persona not in skipped:
            console.print(f"  {step:<13} {persona:<12} {task.state}")
        if (step, task.state) == ("assemble", "skipped"):
            skipped.append(persona)
        if (step, task.state) == ("evaluate", "success"):
            evaluated(persona)

    with AirflowClient(settings) as airflow, _training_told(engine, console):
        run_id = airflow.trigger(DAG_ID)
        run = airflow.wait(DAG_ID, run_id, timeout=PATIENCE_S, progress=tell)
    reasons = {persona: _reason(persona, run.run_after) for persona in skipped}
    return Night(run.state, reasons)


def _reason(persona: str, run_after: str) -> str:
    """What the task was told: the same question to the same job gives the same answer."""
    return assembling.assemble(persona, run_after).get("skipped", "")


@contextmanager
def _training_told(engine: Engine, console: Console) -> Iterator[None]:
    """While the block runs, say now and then how far the running training is."""
    ending = threading.Event()

    def tell() -> None:
        told = 0
        while not ending.wait(SECONDS_BETWEEN_STEPS):
            with session_scope(engine) as session:
                run = session.scalar(select(TrainingRunRow).where(TrainingRunRow.state == "running"))
                if run is not None and run.loss is not None and run.step != told:
                    told = run.step
                    console.print(f"    step {run.step} of {run.total_steps}, loss {run.loss:.3f}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ending.set()
        teller.join()
