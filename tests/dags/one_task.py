"""Run as a script in a process of its own: the bodies of single tasks, called as the functions they are.

Arguments: [dag id, task id, [[run id, form, keyword arguments], ...]]. Prints {"returned": ...},
{"skipped": reason} or {"failed": reason} for each call, as a JSON list.
"""

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions._internal.contextmanager import _CURRENT_CONTEXT
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from services.settings import ROOT


def main() -> None:
    dag_id, task_id, calls = json.loads(sys.argv[1])
    task = DagBag(dag_folder=str(ROOT / "dags")).dags[dag_id].get_task(task_id)
    answers = []
    for run_id, form, arguments in calls:
        run = SimpleNamespace(dag_id=dag_id, run_id=run_id, run_after=datetime(2030, 1, 1, tzinfo=UTC))
        _CURRENT_CONTEXT[:] = [Context(dag_run=run, params=form)]
        try:
            answers.append({"returned": task.python_callable(**arguments)})
        except AirflowSkipException as skipped:
            answers.append({"skipped": str(skipped)})
        except AirflowFailException as failed:
            answers.append({"failed": str(failed)})
    sys.stdout.write(f"\n{json.dumps(answers)}\n")


main()
