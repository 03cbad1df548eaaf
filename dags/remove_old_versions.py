"""Take away files of old versions that nothing names, orphaned folders, and what trainings left behind.

It starts when the nights do: what trains, is judged or serves meanwhile is left alone. What went, and what
stays for which reason, is in the task's log; `persona-loop retain --dry-run` says it beforehand.
"""

from airflow.sdk import CronTriggerTimetable, conf, dag, task

from dags.limits import LIGHT


@dag(
    schedule=CronTriggerTimetable(
        conf.get("persona_loop", "nightly_cron"), timezone=conf.get("persona_loop", "nightly_timezone")
    ),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["persona-loop"],
)
def remove_old_versions() -> None:
    @task(**LIGHT)
    def retain() -> int:
        from services.jobs import retain as job

        return sum(not one["stays"] for one in job.retain())

    retain()


remove_old_versions()
