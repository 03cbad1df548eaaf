"""Validating a stage at each of its checkpoints: the best is kept, and patience has an end (torch).

The losses come from a process of their own (`scoring_process`) and are written beside the checkpoints, so
that a resumed stage decides as an uninterrupted one.
"""

import json
import logging
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

from pydantic import TypeAdapter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from services.adapters.digests import ADAPTER_FILES
from services.domain.training import Evaluation
from services.errors.training import ScoringDied
from services.training.checkpoints import checkpoint_after, is_early
from services.training.scoring_task import ScoringTask, write_task

logger = logging.getLogger(__name__)

BEST = "best"  # the folder of the best adapter so far, inside the stage's
_FILE = "evaluations.json"
_EVALUATIONS = TypeAdapter(tuple[Evaluation, ...])


@dataclass(frozen=True, slots=True)
class Scoring:
    """A running process that scores checkpoints; its complaints are in `log`."""

    requests: IO[str]
    replies: IO[str]
    log: Path

    def score(self, checkpoint: Path, *, step: int) -> Evaluation:
        """ScoringDied when it does not answer."""
        try:
            self.requests.write(f"{checkpoint}\n")
            self.requests.flush()
        except BrokenPipeError as error:
            raise ScoringDied(str(self.log)) from error
        reply = self.replies.readline()
        if not reply:
            raise ScoringDied(str(self.log))
        scores = json.loads(reply)
        return Evaluation(step, scores["loss"], tuple(scores["previews"]))


@contextmanager
def scoring(task: ScoringTask, folder: Path) -> Iterator[Scoring]:
    """The process, ended on leaving; it ends by itself when this one is killed and its input with it."""
    told = folder / "validation.json"
    write_task(task, told)
    log = folder / "scoring.log"
    with (
        log.open("a", encoding="utf-8") as complaints,
        subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "services.training.scoring_process", str(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            encoding="utf-8",
        ) as process,
    ):
        try:
            yield Scoring(cast("IO[str]", process.stdin), cast("IO[str]", process.stdout), log)
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # what it will not read any more must not hide why
                cast("IO[str]", process.stdin).close()


class Validation(TrainerCallback):  # type: ignore[misc]
    """Scores each checkpoint, keeps the best, and stops after `patience` evaluations without a better one.

    An early checkpoint is left alone. A patience of 0 never stops. It must be called after the checkpoint was
    marked as whole. `report` is told of each evaluation when it is written down.
    """

    def __init__(
        self, scoring: Scoring, folder: Path, report: Callable[[Evaluation], None], *, patience: int
    ) -> None:
        self._scoring, self._folder, self._report, self._patience = scoring, folder, report, patience
        self.evaluations = read_evaluations(folder)
        self.stopped = False

    def best(self) -> Evaluation:
        """The one of the smallest loss; a diverged one only where there is no other."""
        return min(self.evaluations, key=lambda one: (not math.isfinite(one.loss), one.loss))

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """An attempt that was killed left its last evaluation, or the end of patience, to this one."""
        if not state.global_step or is_early(args, state):
            return
        if state.global_step not in {one.step for one in self.evaluations}:
            self._evaluate(state.global_step)
        self._end_patience(state, control)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if is_early(args, state) and not control.should_training_stop:
            return
        self._evaluate(state.global_step)
        self._end_patience(state, control)

    def _end_patience(self, state: TrainerState, control: TrainerControl) -> None:
        without_better = sum(one.step > self.best().step for one in self.evaluations)
        if self._patience and without_better >= self._patience:
            self.stopped = state.global_step < state.max_steps
            control.should_training_stop = True

    def _evaluate(self, step: int) -> None:
        checkpoint = checkpoint_after(self._folder, step)
        evaluation = self._scoring.score(checkpoint, step=step)
        logger.info("step %d: validation loss %.4f", step, evaluation.loss)
        for preview in evaluation.previews:
            logger.info("step %d: it answers %r", step, preview)
        self.evaluations = (*self.evaluations, evaluation)
        if self.best() is evaluation:
            shutil.rmtree(self._folder / BEST, ignore_errors=True)
            (self._folder / BEST).mkdir()
            for name in ADAPTER_FILES:
                shutil.copyfile(checkpoint / name, self._folder / BEST / name)
        part = self._folder / f"{_FILE}.part"
        part.write_text(json.dumps([asdict(one) for one in self.evaluations]), encoding="utf-8")
        part.rename(self._folder / _FILE)
        self._report(evaluation)


def read_evaluations(folder: Path) -> tuple[Evaluation, ...]:
    """What the attempts so far found, oldest first."""
    file = folder / _FILE
    return _EVALUATIONS.validate_json(file.read_bytes()) if file.exists() else ()
