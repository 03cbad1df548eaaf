"""Erase a rater on request, by a form, and replace what learnt from them.

Their words become tombstones, what was made of them is redacted, and the versions that learnt from them
are tainted. A persona that such a version serves is retrained without them, and what comes of it is put to
the gate against the version that would serve otherwise. If it does not pass, or none comes of it, the newest
untainted version serves, or the plain base.
"""

from airflow.sdk import Param, dag, get_current_context, task, task_group

from dags.limits import LIGHT, refusals_are_final
from dags.retrain_group import APPROVAL, OVERRIDES, retrain

FORM = {
    "rater": Param(type="string", format="uuid", title="Rater"),
    "reason": Param(
        type="string",
        minLength=3,
        maxLength=500,
        title="Reason",
        description="Who asked for it and where, without a word of theirs.",
    ),
    "overrides": OVERRIDES,
    "approval": APPROVAL,
}


@task_group
def replace(persona: str) -> None:
    @task(**LIGHT, trigger_rule="all_done")
    def settle(persona: str) -> int:
        from services.jobs import erase as job

        run = get_current_context()["dag_run"]
        return job.settle(persona, actor=f"{run.dag_id} {run.run_id}")

    retrain(persona) >> settle(persona)


@dag(schedule=None, params=FORM, max_active_runs=1, doc_md=__doc__, tags=["persona-loop"])
def erase_rater() -> None:
    @task(**LIGHT)
    def erase() -> list[str]:
        from services.jobs import erase as job

        context = get_current_context()
        form, run = context["params"], context["dag_run"]
        with refusals_are_final():
            return job.erase(form["rater"], form["reason"], actor=f"{run.dag_id} {run.run_id}")["tainted"]

    replace.expand(persona=erase())


erase_rater()
