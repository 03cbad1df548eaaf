"""Every night, each persona learns from what people said up to the run's own instant.

Mapped over the personas: one with too little feedback is skipped, one that fails is red, and the others go
on. A version serves only after its gate said PASS. NIGHTLY_CRON and NIGHTLY_TIMEZONE set the time. Triggered
by hand, a run takes recipe overrides such as lora.r=8 for every persona, and an approval of what passes.
"""

from airflow.sdk import CronTriggerTimetable, conf, dag, task

from dags.limits import LIGHT
from dags.retrain_group import APPROVAL, OVERRIDES, retrain


@dag(
    schedule=CronTriggerTimetable(
        conf.get("persona_loop", "nightly_cron"), timezone=conf.get("persona_loop", "nightly_timezone")
    ),
    catchup=False,
    max_active_runs=1,
    params={"overrides": OVERRIDES, "approval": APPROVAL},
    doc_md=__doc__,
    tags=["persona-loop"],
)
def nightly_retrain() -> None:
    @task(**LIGHT)
    def due_personas() -> list[str]:
        from services.jobs import due

        return due.due_personas()

    retrain.expand(persona=due_personas())


nightly_retrain()
