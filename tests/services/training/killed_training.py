"""Trainings that die like ones that were killed: each gets SIGKILL at its first report after STEP.

`python -m tests.services.training.killed_training` reads a JSON list a line, ROWS, WORKDIR, BASE, STEP,
STAGE..., OVERRIDE..., and answers each with the exit code; steps are those of all stages. Reports come
between two checkpoints. Each training is a process of its own, forked from this one, which only loads for it
what takes many seconds to load.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path

from services.domain.progress import Progress, TrainingReport
from services.domain.training import Objective
from services.training.qlora import QloraTrainer
from services.training.recipe import compose_recipe
from services.training.trainer import TrainingJob
from tests.services.training.conftest import RECIPE


def train(rows: str, workdir: str, base: str, step: int, *others: str) -> None:
    stages = [Objective(other) for other in others if "=" not in other]
    overrides = [other for other in others if "=" in other]

    def die(report: TrainingReport) -> None:
        if isinstance(report, Progress) and report.step > step:
            os.kill(os.getpid(), signal.SIGKILL)

    recipe = compose_recipe("embedded", [*RECIPE, *overrides], base_model=base, base_revision="main")
    job = TrainingJob(Path(rows), recipe, Path(workdir), stages=tuple(stages))
    QloraTrainer().train(job, progress=die)


def exit_code_of(*asked: str) -> int:
    child = os.fork()
    if not child:
        try:
            train(*asked)
        finally:  # it was not killed
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no reply
    for line in sys.stdin:
        replies.write(f"{exit_code_of(*json.loads(line))}\n")


if __name__ == "__main__":
    main()
