"""Asking Airflow for a training of one persona now, once for each form that asks for it."""

from contextlib import suppress
from uuid import UUID

from sqlalchemy import Engine

from services.accounts import audit
from services.adapters.promotions import find_persona, lock_persona
from services.db.session import session_scope
from services.errors.refusals import RunExists
from services.feedback.personas import check_trained
from services.jobs.installation import now
from services.operations.airflow_client import AirflowClient, RunId
from services.settings import Settings

DAG_ID = "retrain_persona"
ACT = "retrain"
PATIENCE_S = 5.0  # somebody waits for the page


def retrain(engine: Engine, settings: Settings, persona: str, *, submission: UUID, actor: str) -> RunId:
    """The run that does it; the same form again gives the same run. It is recorded once it is there.

    Raises UnknownPersona, PersonaPaused, PersonaArchived, AirflowUnavailable, AirflowRefused.
    """
    with session_scope(engine) as session:
        check_trained(find_persona(session, persona))
    run_id = RunId(f"curator__{submission}")
    with AirflowClient(settings, patience_s=PATIENCE_S) as airflow, suppress(RunExists):  # by this form
        airflow.trigger(DAG_ID, {"persona": persona}, run_id=run_id)
    with session_scope(engine) as session:
        lock_persona(session, persona)  # who sent the form twice at once is recorded once
        if not audit.recorded(session, ACT, persona, {"run": run_id}):
            audit.record(session, ACT, persona, actor=actor, at=now(), details={"run": run_id})
    return run_id


def run_address(settings: Settings, run_id: str) -> str:
    """Where Airflow shows the run."""
    return f"{settings.airflow_endpoint}/dags/{DAG_ID}/runs/{run_id}"
