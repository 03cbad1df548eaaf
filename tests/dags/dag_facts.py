"""Run as a script in a process of its own: the DAGs as Airflow's own loader reads them, as JSON.

Argument: [[[dag id, form], ...]], the forms to try.
"""

import json
import sys
from copy import deepcopy

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from services.settings import ROOT


def facts_of(dag: DAG) -> dict[str, object]:
    return {
        "doc": dag.doc_md,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "schedule": dag.timetable.expression if dag.schedule else None,
        "timezone": str(dag.timetable.timezone) if dag.schedule else None,
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "executor": task.executor,
                "queue": task.queue,
                "pool": task.pool,
                "retries": task.retries,
                "rule": task.trigger_rule,
                "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                "mapped": task.get_closest_mapped_task_group() is not None,
            }
            for task in dag.tasks
        },
    }


def takes(dag: DAG, form: dict[str, object]) -> bool:
    """Whether the DAG's form validates with these values, the others at their defaults."""
    params = deepcopy(dag.params)
    try:
        params.update(form)
        params.validate()
    except ParamValidationError:
        return False
    return True


def main() -> None:
    (forms,) = json.loads(sys.argv[1])
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    answer = {
        "errors": bag.import_errors,
        "dags": {dag_id: facts_of(dag) for dag_id, dag in bag.dags.items()},
        "taken": [takes(bag.dags[dag_id], form) for dag_id, form in forms],
    }
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


main()
