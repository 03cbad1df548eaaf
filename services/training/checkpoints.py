"""What a stage leaves on the disk between attempts: whole checkpoints, and at last its result (torch).

The trainer's own checkpoint folders are used as they are. One is whole once a mark was put into it
after everything else; without the mark it is the remains of a killed process. A stage whose result is
written is finished and is never trained again.

The first checkpoint comes after step 1, for whoever is killed before the first regular one; it is only there
to be resumed from.
"""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from services.domain.training import StageResult

_MARK = "whole"
_PREFIX = "checkpoint-"
_RESULT = "result.json"


def newest_whole_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint that was finished; half-written ones are removed on the way."""
    whole = []
    for checkpoint in folder.glob(f"{_PREFIX}*"):
        if (checkpoint / _MARK).exists():
            whole.append(checkpoint)
        else:
            shutil.rmtree(checkpoint)
    return max(whole, key=step_of, default=None)


def step_of(checkpoint: Path | None) -> int:
    """The optimiser step a checkpoint was written after; 0 for none."""
    return int(checkpoint.name.removeprefix(_PREFIX)) if checkpoint else 0


def checkpoint_after(folder: Path, step: int) -> Path:
    return folder / f"{_PREFIX}{step}"


def finish(folder: Path, result: StageResult) -> None:
    """Record that the stage of this folder is done, once its adapter is on the disk; its checkpoints go."""
    os.sync()
    part = folder / f"{_RESULT}.part"
    part.write_text(json.dumps(asdict(result)), encoding="utf-8")
    part.rename(folder / _RESULT)
    for checkpoint in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(checkpoint)


def finished(folder: Path) -> StageResult | None:
    """The result of the stage of this folder, if an earlier attempt finished it."""
    file = folder / _RESULT
    if not file.exists():
        return None
    # Python's own reader: a diverged stage has a loss that JSON has no word for.
    return TypeAdapter(StageResult).validate_python(json.loads(file.read_text(encoding="utf-8")))


def is_early(args: TrainingArguments, state: TrainerState) -> bool:
    """Whether the checkpoint after this step is none of the recipe's."""
    return bool(state.global_step == 1 < min(args.save_steps, state.max_steps))


class EarlyCheckpoint(TrainerCallback):  # type: ignore[misc]
    """Asks for a checkpoint after the first step."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if is_early(args, state):
            control.should_save = True


class CheckpointMarks(TrainerCallback):  # type: ignore[misc]
    """Marks each checkpoint as whole, once all of it is on the disk."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: object
    ) -> None:
        os.sync()
        (checkpoint_after(Path(args.output_dir), state.global_step) / _MARK).touch()
