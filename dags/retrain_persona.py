"""Retrain one persona now, by a form: what a night does for each, up to this instant.

It learns from what people said until the run was triggered; too little, or a persona that is paused, is
skipped with the reason. A night that is under way goes on beside it.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from dags.limits import LIGHT
from dags.retrain_group import APPROVAL, OVERRIDES, retrain

FORM = {
    "persona": Param(type="string", pattern="^[a-z][a-z0-9-]{1,39}$", title="Persona"),
    "overrides": OVERRIDES,
    "approval": APPROVAL,
}


@dag(schedule=None, params=FORM, doc_md=__doc__, tags=["persona-loop"])
def retrain_persona() -> None:
    @task(**LIGHT)
    def chosen(params: dict[str, Any]) -> str:
        return str(params["persona"])

    retrain(chosen())


retrain_persona()
