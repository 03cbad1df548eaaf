"""A training process that dies like one that was killed: `python -m ... ROWS WORKDIR BASE STEP STAGE...`.

It gets SIGKILL at the first report after STEP of all stages, between two checkpoints.
"""

import os
import signal
import sys
from pathlib import Path

from services.domain.progress import Progress, TrainingReport
from services.domain.training import Objective
from services.training.qlora import QloraTrainer
from services.training.recipe import compose_recipe
from services.training.trainer import TrainingJob
from tests.services.training.conftest import RECIPE


def main() -> None:
    rows, workdir, base, step, *stages = sys.argv[1:]

    def die(report: TrainingReport) -> None:
        if isinstance(report, Progress) and report.step > int(step):
            os.kill(os.getpid(), signal.SIGKILL)

    recipe = compose_recipe("embedded", RECIPE, base_model=base, base_revision="main")
    job = TrainingJob(Path(rows), recipe, Path(workdir), stages=tuple(map(Objective, stages)))
    QloraTrainer().train(job, progress=die)


if __name__ == "__main__":
    main()
