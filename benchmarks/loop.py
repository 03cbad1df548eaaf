"""The figures of the loop, from one real demo: `make demo ONCE=1` in an installation of its own.

    python -m benchmarks.loop

How long importing the DAG files takes, over Airflow's own import, is measured beside it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks._demo import Demo, play_demo
from benchmarks._table import Bar, Relation, Row, report
from services.settings import ROOT

NAME = "loop"
_IMPORTS = 3
_TOO_HEAVY = ("torch", "transformers", "flask")
# Run in a fresh interpreter: seconds that Airflow's import takes, that the DAG files take after it, and what
# of the heavy packages is there then.
_IMPORT_DAGS = f"""
import importlib, json, pathlib, sys, time
began = time.perf_counter()
import airflow.sdk
airflow = time.perf_counter()
for path in sorted(pathlib.Path("dags").glob("*.py")):
    importlib.import_module(f"dags.{{path.stem}}")
ended = time.perf_counter()
heavy = [name for name in {_TOO_HEAVY!r} if name in sys.modules]
print(json.dumps({{"airflow": airflow - began, "dags": ended - airflow, "heavy": heavy}}))
"""


def main() -> int:
    rows = _import_rows()
    rows += _demo_rows(play_demo())
    report(NAME, rows)
    return 0


def _demo_rows(demo: Demo) -> list[Row]:
    figures = demo.summary
    after_bar = Bar(Relation.AT_LEAST, 0.60)
    return [
        Row("make demo ONCE=1, seconds", round(demo.seconds, 1), bar=Bar(Relation.AT_MOST, 480)),
        Row("make demo ONCE=1, exit code", demo.code, bar=Bar(Relation.IS, 0)),
        *(Row(f"of it: {phase}, seconds", took) for phase, took in figures.get("seconds", {}).items()),
        Row("ratings posted", figures.get("ratings_posted"), bar=Bar(Relation.AT_LEAST, 400)),
        Row("corrections posted", figures.get("corrections_posted")),
        Row("the night on the scheduler", figures.get("dag_run_state"), bar=Bar(Relation.IS, "success")),
        Row("verdict of the gate", figures.get("verdict"), bar=Bar(Relation.IS, "PASS")),
        Row("style hit before", figures.get("style_hit_before"), bar=Bar(Relation.AT_MOST, 0.15)),
        Row("style hit after", figures.get("style_hit_after"), figures.get("style_hit_before"), after_bar),
        _fact_row(figures),
        *(
            Row(f"{move} to live, milliseconds", figures.get(f"{move}_to_live_ms"), bar=_below(1000))
            for move in ("promote", "rollback")
        ),
        Row("asks under load while versions changed", figures.get("asks_under_load")),
        Row("of them not served", figures.get("failed_requests"), bar=Bar(Relation.IS, 0)),
    ]


def _fact_row(figures: Mapping[str, Any]) -> Row:
    """The bar is a share of the figure before."""
    before = figures.get("fact_hit_before")
    bar = None if before is None else Bar(Relation.AT_LEAST, 0.95 * before)
    return Row("fact hit after, and before", figures.get("fact_hit_after"), before, bar)


def _below(limit: float) -> Bar:
    return Bar(Relation.BELOW, limit)


def _import_rows() -> list[Row]:
    tries = [_import_dags() for _ in range(_IMPORTS)]
    heavy = sorted({name for one in tries for name in one["heavy"]})
    return [
        Row(
            f"importing all DAG files, seconds over airflow.sdk's own (median of {_IMPORTS})",
            round(median(one["dags"] for one in tries), 3),
            round(median(one["airflow"] for one in tries), 3),
            _below(3),
        ),
        Row(
            f"after it, of {', '.join(_TOO_HEAVY)} in sys.modules",
            ", ".join(heavy) or "none",
            bar=Bar(Relation.IS, "none"),
        ),
    ]


def _import_dags() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__PERSONA_LOOP__NIGHTLY_CRON": "0 2 * * *",
            "AIRFLOW__PERSONA_LOOP__NIGHTLY_TIMEZONE": "UTC",
            "AIRFLOW__PERSONA_LOOP__CANARY_CRON": "*/5 * * * *",
        }
        done = subprocess.run(  # noqa: S603  (this interpreter and the lines above)
            [sys.executable, "-c", _IMPORT_DAGS],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
