"""A training process that dies like one that was killed: it gets SIGKILL at the first report after STEP.

`python -m tests.services.training.killed_training ROWS WORKDIR BASE STEP STAGE... OVERRIDE...`; steps
are those of all stages. Reports come between two checkpoints.
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
    rows, workdir, base, step, *others = sys.argv[1:]
    stages = [Objective(other) for other in others if "=" not in other]
    overrides = [other for other in others if "=" in other]

    def die(report: TrainingReport) -> None:
        if isinstance(report, Progress) and report.step > int(step):
            os.kill(os.getpid(), signal.SIGKILL)

    recipe = compose_recipe("embedded", [*RECIPE, *overrides], base_model=base, base_revision="main")
    job = TrainingJob(Path(rows), recipe, Path(workdir), stages=tuple(stages))
    QloraTrainer().train(job, progress=die)


if __name__ == "__main__":
    main()
