"""Checkpoints of one running job: which of them are whole, and reports of how far the job is (torch).

The trainer's own checkpoint folders are used as they are. One is whole once a mark was put into it
after everything else; without the mark it is the remains of a killed process.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from services.domain.training import Progress

logger = logging.getLogger(__name__)

_MARK = "whole"
_PREFIX = "checkpoint-"


def newest_whole_checkpoint(workdir: Path) -> Path | None:
    """The last checkpoint that was finished; half-written ones are removed on the way."""
    whole = []
    for folder in workdir.glob(f"{_PREFIX}*"):
        if (folder / _MARK).exists():
            whole.append(folder)
        else:
            shutil.rmtree(folder)
    return max(whole, key=step_of, default=None)


def step_of(checkpoint: Path | None) -> int:
    """The optimiser step a checkpoint was written after; 0 for none."""
    return int(checkpoint.name.removeprefix(_PREFIX)) if checkpoint else 0


class CheckpointMarks(TrainerCallback):  # type: ignore[misc]
    """Marks each checkpoint as whole, once all of it is on the disk."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        folder = Path(args.output_dir) / f"{_PREFIX}{state.global_step}"
        os.sync()
        (folder / _MARK).touch()


class ProgressReports(TrainerCallback):  # type: ignore[misc]
    """Passes what the trainer logs on to `report` and to the log."""

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._started = self._logged_at = 0.0
        self._first_step = 0
        self._tokens = 0

    def on_train_begin(
        self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        self._started = self._logged_at = time.monotonic()
        self._first_step = state.global_step
        self._tokens = state.num_input_tokens_seen

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        _control: TrainerControl,
        logs: dict[str, float],
        **_: object,
    ) -> None:
        if "loss" not in logs:
            return
        now, tokens = time.monotonic(), state.num_input_tokens_seen
        steps_left = state.max_steps - state.global_step
        seconds_per_step = (now - self._started) / (state.global_step - self._first_step)
        progress = Progress(
            step=state.global_step,
            total_steps=state.max_steps,
            loss=logs["loss"],
            tokens_per_second=(tokens - self._tokens) / (now - self._logged_at),
            seconds_left=steps_left * seconds_per_step,
        )
        self._logged_at, self._tokens = now, tokens
        logger.info(
            "step %d of %d, loss %.4f, %.0f tokens/s, %.0f s left",
            progress.step,
            progress.total_steps,
            progress.loss,
            progress.tokens_per_second,
            progress.seconds_left,
        )
        self._report(progress)
