"""A demo installation for benchmarks to read: the whole demo played by the command that plays it.

`loop` reports its figures, `control` starts from a copy of what its people said.
"""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._installation import own_installation
from benchmarks._table import RESULTS
from services.settings import ROOT

DEMO = RESULTS / "demo"
_SUMMARY = "demo/summary.json"


@dataclass(frozen=True, slots=True)
class Demo:
    """`seconds` is the command's own time, start and stop of every process included."""

    summary: dict[str, Any]
    code: int
    seconds: float


def play_demo() -> Demo:
    """`make demo ONCE=1` in a new installation of its own; what an earlier benchmark left there goes."""
    shutil.rmtree(DEMO, ignore_errors=True)
    with own_installation(DEMO):
        began = time.monotonic()
        done = subprocess.run(["make", "demo", "ONCE=1"], cwd=ROOT, env=dict(os.environ), check=False)  # noqa: S607
        return Demo(summary=read_summary(DEMO), code=done.returncode, seconds=time.monotonic() - began)


def read_summary(var_dir: Path) -> dict[str, Any]:
    """What the demo of an installation wrote; empty when none was played to its end there."""
    path = var_dir / _SUMMARY
    if not path.is_file():
        return {}
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary
