"""One combination of a sweep, trained and scored in a process of its own (torch).

`python -m services.training.sweep_process FOLDER` reads the folder's job and writes its result last. It is a
process so that its peak of memory is its own, and what it breaks is too. It ends when its input does.
"""

import gc
import logging
import os
import sys
import threading
from pathlib import Path
from statistics import fmean

import torch

from services.domain.progress import Progress, TrainingReport
from services.domain.training import Objective, TrainedAdapter
from services.errors.tree import PersonaLoopError
from services.language_model.loading import load_tokenizer
from services.training.dataset import tokenise_demonstration
from services.training.qlora import QloraTrainer
from services.training.scoring_task import ScoringTask
from services.training.storable import storable
from services.training.sweeping import WORK, TrialJob, TrialResult, read_trial, write_result
from services.training.trainer import TrainingJob
from services.training.validation import scoring

logger = logging.getLogger(__name__)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    threading.Thread(target=_end_with_the_input, daemon=True).start()
    folder = Path(sys.argv[1])
    job = read_trial(folder)
    try:
        result = _try_out(job, folder)
    except PersonaLoopError as error:
        result = TrialResult(error=str(error))
    write_result(folder, result)


def _try_out(job: TrialJob, folder: Path) -> TrialResult:
    speeds: list[float] = []

    def hear(report: TrainingReport) -> None:
        if isinstance(report, Progress):
            speeds.append(report.tokens_per_second)

    trained = QloraTrainer().train(
        TrainingJob(Path(job.rows), job.recipe, folder / WORK, job.stages, job.label_smoothing),
        progress=hear,
    )
    stages = trained.stages
    return TrialResult(
        rows=sum(stage.rows for stage in stages),
        steps=trained.steps,
        seconds=sum(stage.seconds for stage in stages),
        tokens_per_second=fmean(speeds) if speeds else None,
        train_loss=_number(trained.final_loss),
        held_out_loss=_number(_score(job, trained, folder)),
        answers=len(job.kept_out),
        peak_bytes=max(stage.peak_bytes for stage in stages),
        remarks=tuple(
            remark for stage in stages for remark in (*stage.concessions, stage.stopped_early) if remark
        ),
    )


def _score(job: TrialJob, trained: TrainedAdapter, folder: Path) -> float:
    model = job.recipe.model
    tokenizer = load_tokenizer(model.name, revision=model.revision, new_tokens=model.new_tokens)
    rows = tuple(
        tokenise_demonstration(line, tokenizer, chat_template=model.chat_template) for line in job.kept_out
    )
    gc.collect()  # the process that scores needs the place of the base that was trained on
    torch.cuda.empty_cache()
    task = ScoringTask(Objective.SFT, model, rows, beta=job.recipe.preference.beta)
    with scoring(task, folder) as process:
        return process.score(trained.folder, step=trained.steps).loss


def _number(loss: float) -> float | None:
    found = storable(loss)
    return found if isinstance(found, float) else None


def _end_with_the_input() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
