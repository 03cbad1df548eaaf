"""Every few minutes, look at the ratings of each open canary and do what they say; CANARY_CRON sets when.

Shown to be no worse by the margin, the version serves everyone; shown to be worse, the champion has all
conversations back, with the reason in the ledger and a pause before the next canary. Else it goes on.
Beside that, whoever is to be alerted hears of what began or ended since.
"""

from airflow.sdk import CronTriggerTimetable, conf, dag, task

from dags.limits import LIGHT, refusals_are_final


@dag(
    schedule=CronTriggerTimetable(conf.get("persona_loop", "canary_cron"), timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["persona-loop"],
)
def watch_canaries() -> None:
    @task(**LIGHT)
    def open_canaries() -> list[str]:
        from services.jobs import canaries

        return canaries.open_canaries()

    @task(**LIGHT)
    def watch(persona: str) -> str:
        from services.jobs import canaries

        with refusals_are_final():
            return canaries.watch(persona)["sentence"]

    @task(**LIGHT)
    def alert() -> int:
        from services.jobs import alerts

        return len(alerts.look())

    watch.expand(persona=open_canaries())
    alert()


watch_canaries()
