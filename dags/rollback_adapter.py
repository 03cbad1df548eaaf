"""Put an earlier version of a persona back, by a form. It serves from the moment the task ends.

Version 0 is the plain base; no version at all means the one that served before the present one.
"""

from airflow.sdk import Param, dag, get_current_context, task

from dags.limits import LIGHT, refusals_are_final

FORM = {
    "persona": Param(type="string", pattern="^[a-z][a-z0-9-]{1,39}$", title="Persona"),
    "version": Param(None, type=["null", "integer"], minimum=0, title="Version"),
    "reason": Param(type="string", minLength=3, maxLength=500, title="Reason"),
}


@dag(schedule=None, params=FORM, doc_md=__doc__, tags=["persona-loop"])
def rollback_adapter() -> None:
    @task(**LIGHT)
    def rollback() -> int:
        from services.jobs import rollback as job

        context = get_current_context()
        form, run = context["params"], context["dag_run"]
        with refusals_are_final():
            moved = job.rollback(
                form["persona"],
                form["version"],
                form["reason"],
                actor=f"{run.dag_id} {run.run_id}",
                once=True,  # a second try of this run must not go back a second step
            )
        return moved["promotion_id"]

    rollback()


rollback_adapter()
