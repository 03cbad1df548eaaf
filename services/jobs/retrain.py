"""Asking Airflow for a training of one persona now, once for each form that asks for it."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

from sqlalchemy import Engine

from services.accounts import audit
from services.adapters.promotions import find_persona, lock_persona
from services.db.session import session_scope
from services.domain.example_policy import ExamplePolicy
from services.errors.refusals import RunExists, TooLittleNew, TrainingUnderWay
from services.feedback.personas import check_trained
from services.jobs.installation import now
from services.operations.airflow_client import AirflowClient, RunId
from services.settings import Settings
from services.training_sets.news import too_little_new

DAG_ID = "retrain_persona"
ACT = "retrain"
# The DAGs that train, each with the field of its form that names a persona; a night has none and trains all.
_TRAINING = {DAG_ID: "persona", "train_new_persona": "slug", "nightly_retrain": ""}
PATIENCE_S = 5.0  # somebody waits for the page


def retrain(engine: Engine, settings: Settings, persona: str, *, submission: UUID, actor: str) -> RunId:
    """The run that does it; the same form again gives the same run. It is recorded once it is there.

    Raises UnknownPersona, PersonaPaused, PersonaArchived, TrainingUnderWay, AirflowUnavailable,
    AirflowRefused.
    """
    return _retrain(engine, settings, persona, submission, actor, worth=lambda: None)


def retrain_on_news(
    engine: Engine, settings: Settings, persona: str, *, submission: UUID, actor: str
) -> RunId:
    """As `retrain`; TooLittleNew, before Airflow is asked to, where it would learn nothing."""
    worth = partial(_check_news, engine, settings, persona)
    return _retrain(engine, settings, persona, submission, actor, worth=worth)


def _retrain(
    engine: Engine,
    settings: Settings,
    persona: str,
    submission: UUID,
    actor: str,
    *,
    worth: Callable[[], None],
) -> RunId:
    run_id = RunId(f"curator__{submission}")
    with session_scope(engine) as session:
        check_trained(find_persona(session, persona))
        if audit.recorded(session, ACT, persona, {"run": run_id}):
            return run_id
    with AirflowClient(settings, patience_s=PATIENCE_S) as airflow, suppress(RunExists):  # by this form
        _check_none_under_way(airflow, persona, but=run_id)
        worth()
        airflow.trigger(DAG_ID, {"persona": persona}, run_id=run_id)
    with session_scope(engine) as session:
        lock_persona(session, persona)  # who sent the form twice at once is recorded once
        if not audit.recorded(session, ACT, persona, {"run": run_id}):
            audit.record(session, ACT, persona, actor=actor, at=now(), details={"run": run_id})
    return run_id


def _check_news(engine: Engine, settings: Settings, persona: str) -> None:
    with session_scope(engine) as session:
        row = find_persona(session, persona)
        policy = ExamplePolicy(**row.example_policy)
        skipped = too_little_new(session, row, policy, until=now(), store_url=settings.store_url)
    if skipped:
        raise TooLittleNew(skipped.reason)


def run_address(settings: Settings, run_id: str, dag_id: str = DAG_ID) -> str:
    """Where Airflow shows the run."""
    return f"{settings.airflow_endpoint}/dags/{dag_id}/runs/{run_id}"


def _check_none_under_way(airflow: AirflowClient, persona: str, *, but: RunId) -> None:
    for run in airflow.under_way():
        trains = run.dag_id in _TRAINING and run.form.get(_TRAINING[run.dag_id], persona) == persona
        if trains and run.run_id != but:
            raise TrainingUnderWay(persona, dag_id=run.dag_id, run_id=run.run_id)
