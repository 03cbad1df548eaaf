"""What every retraining shares, for one persona: assemble → train → evaluate → gate → promote.

Wiring only: ids travel between the tasks, `services.jobs` does the work. Training and evaluation run on the
executor aliased `gpu`, as many at a time as TRAININGS_AT_ONCE says.
"""

from airflow.sdk import Param, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from dags.limits import GPU, LIGHT, refusals_are_final

OVERRIDES = Param(
    [], type="array", items={"type": "string"}, title="Recipe overrides", description="lora.r=8, one a line."
)
APPROVAL = Param(
    "",
    type="string",
    maxLength=500,
    title="Approval",
    description="Why what passes may serve, where a persona asks for an approval; empty: it waits for one.",
)


@task_group
def retrain(persona: str) -> None:
    @task(**LIGHT)
    def assemble(persona: str) -> int:
        from services.jobs import assemble as job

        # The run's own instant: the same on every retry, and right for runs started by hand.
        with refusals_are_final():
            assembled = job.assemble(persona, get_current_context()["dag_run"].run_after.isoformat())
        if "skipped" in assembled:
            raise AirflowSkipException(assembled["skipped"])
        return assembled["training_set_id"]

    @task(**GPU)
    def train(training_set_id: int) -> int:
        from services.errors.refusals import SetLearntNow
        from services.jobs import train as job

        try:
            return job.train(training_set_id, get_current_context()["params"]["overrides"])
        except SetLearntNow as refusal:
            raise AirflowSkipException(str(refusal)) from refusal

    @task(**GPU)
    def evaluate(version_id: int) -> dict[str, int]:
        from services.jobs import evaluate as job

        reports = job.evaluate(version_id)
        return {arm: reports[arm] for arm in ("candidate", "champion")}

    @task(**LIGHT)
    def gate(reports: dict[str, int]) -> int:
        from services.jobs import gate as job

        with refusals_are_final():
            return job.gate(**reports)["decision_id"]

    @task(**LIGHT)
    def promote(decision_id: int) -> int:
        from services.errors.refusals import NOT_NOW
        from services.jobs import promote as job

        context = get_current_context()
        run, approval = context["dag_run"], context["params"]["approval"]
        with refusals_are_final():
            try:
                moved = job.promote(decision_id, actor=f"{run.dag_id} {run.run_id}", approval=approval)
            except NOT_NOW as refusal:
                raise AirflowSkipException(str(refusal)) from refusal
        return moved["promotion_id"]

    promote(gate(evaluate(train(assemble(persona)))))
