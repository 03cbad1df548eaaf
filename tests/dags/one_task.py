"""Run as a script in a process of its own: the bodies of single tasks, called as the functions they are.

A line of its input is [dag id, task id, [[run id, form, keyword arguments], ...]]. Its answer is a list of
{"returned": ...}, {"skipped": reason} or {"failed": reason} for each call, as JSON on a line.
"""

import json
import os
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions._internal.contextmanager import _CURRENT_CONTEXT
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from services.settings import ROOT


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what tasks print is no reply
    dags = DagBag(dag_folder=str(ROOT / "dags")).dags
    for line in sys.stdin:
        dag_id, task_id, calls = json.loads(line)
        task = dags[dag_id].get_task(task_id)
        answers = [answer_to(task, dag_id, *call) for call in calls]
        replies.write(f"{json.dumps(answers)}\n")


def answer_to(
    task: Any, dag_id: str, run_id: str, form: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    run = SimpleNamespace(dag_id=dag_id, run_id=run_id, run_after=datetime(2030, 1, 1, tzinfo=UTC))
    _CURRENT_CONTEXT[:] = [Context(dag_run=run, params=form)]
    try:
        return {"returned": task.python_callable(**arguments)}
    except AirflowSkipException as skipped:
        return {"skipped": str(skipped)}
    except AirflowFailException as failed:
        return {"failed": str(failed)}


main()
