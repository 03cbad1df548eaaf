"""Run as a script in a process of its own: what importing the DAG files costs over Airflow, as JSON."""

import importlib
import json
import sys
import time

from airflow.sdk import CronTriggerTimetable, Param, conf, dag, task, task_group  # noqa: F401  (Airflow)

from services.settings import ROOT


def main() -> None:
    began = time.monotonic()
    for path in sorted((ROOT / "dags").glob("*.py")):
        importlib.import_module(f"dags.{path.stem}")
    seconds = time.monotonic() - began
    sys.stdout.write(f"\n{json.dumps({'seconds': seconds, 'modules': sorted(sys.modules)})}\n")


main()
