"""Runs one stage from where it stands to its finished adapter, with less where memory runs out (torch)."""

import gc
import logging
import resource
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import Trainer as LibraryTrainer

from services.domain.training import Objective, StageResult
from services.errors.training import MemoryExhausted
from services.language_model.machine import device, memory_ran_out
from services.training.adapter_weights import save_adapter
from services.training.checkpoints import finish, newest_whole_checkpoint, step_of
from services.training.dataset import Tokenised, TokenisedRow
from services.training.footing import Footing, first_footing, next_footing, read_footing, write_footing
from services.training.scoring_task import ScoringTask
from services.training.stage_trainer import StageRun, Watchers, build_trainer, watchers_of
from services.training.validation import BEST, Scoring, read_evaluations, scoring

logger = logging.getLogger(__name__)

ADAPTER = "adapter"  # the finished adapter's folder, inside the stage's


def run_stage(run: StageRun) -> StageResult:
    """Train the stage, leaving its adapter in `folder / ADAPTER` and the base as it was before.

    MemoryExhausted when nothing is left to give up.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    if not run.stage.validation:
        return _run(run, None)
    with scoring(_scoring_task(run), run.folder) as process:
        return _run(run, process)


def _scoring_task(run: StageRun) -> ScoringTask:
    recipe = run.job.recipe
    return ScoringTask(
        objective=run.stage.objective,
        model=recipe.model,
        rows=cast("tuple[TokenisedRow, ...]", tuple(run.stage.validation)),
        previews=tuple(run.stage.showable[: recipe.training.previews]),
        beta=recipe.preference.beta,
        label_smoothing=run.job.label_smoothing,
        start=run.start,
        cache=run.cache,
    )


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One way of using memory, made ready; `checkpoint` is where it goes on from, None for the beginning."""

    trainer: LibraryTrainer
    rows: Sequence[Tokenised]
    footing: Footing
    watchers: Watchers
    checkpoint: Path | None


def _run(run: StageRun, process: Scoring | None) -> StageResult:
    started = time.monotonic()
    footing = read_footing(run.folder) or first_footing(
        run.job.recipe, run.stage.objective, longest=run.stage.longest
    )
    attempt = _ready(run, process, footing)
    while not _fits(attempt.trainer, attempt.checkpoint):
        footing = _step_down(run, footing)
        attempt.trainer.model.unload()
        del attempt
        gc.collect()
        torch.cuda.empty_cache()
        attempt = _ready(run, process, footing)
    _leave_adapter(run, attempt)
    result = _result(run, attempt, seconds=time.monotonic() - started)
    finish(run.folder, result)
    attempt.trainer.model.unload()
    return result


def _ready(run: StageRun, process: Scoring | None, footing: Footing) -> _Attempt:
    rows = [row for row in run.stage.rows if row.length <= footing.length]
    watchers = watchers_of(run, process, footing)
    trainer = build_trainer(run, footing, rows, watchers)
    return _Attempt(trainer, rows, footing, watchers, newest_whole_checkpoint(run.folder))


def _result(run: StageRun, attempt: _Attempt, *, seconds: float) -> StageResult:
    return StageResult(
        objective=run.stage.objective,
        rows=len(attempt.rows),
        dropped_rows=run.stage.beyond_limit + len(run.stage.rows) - len(attempt.rows),
        supervised_tokens=sum(row.supervised_tokens for row in attempt.rows),
        steps=attempt.trainer.state.global_step,
        resumed_from_step=step_of(attempt.checkpoint),
        seconds=seconds,
        losses=_losses(attempt.trainer),
        final_loss=_last_loss(attempt.trainer),
        concessions=attempt.footing.concessions,
        stopped_early=attempt.watchers.why_stopped(attempt.trainer.state),
        evaluations=read_evaluations(run.folder),
        peak_bytes=_peak_bytes(),
    )


def _leave_adapter(run: StageRun, attempt: _Attempt) -> None:
    """The finished adapter in its place: the best that was validated, or else the last."""
    if attempt.watchers.validation is None:
        save_adapter(attempt.trainer.model, run.folder / ADAPTER)
    else:
        shutil.copytree(run.folder / BEST, run.folder / ADAPTER, dirs_exist_ok=True)


def _fits(trainer: LibraryTrainer, checkpoint: Path | None) -> bool:
    """Train to the end; False when memory ran out on the way."""
    # What is there by now stays: the library collects all garbage as it begins, 0.4 s of it in imports.
    gc.freeze()
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except RuntimeError as error:
        if not memory_ran_out(error):
            raise
        logger.warning("memory ran out after step %d: %s", trainer.state.global_step, error)
        return False
    finally:
        gc.unfreeze()
    return True


def _step_down(run: StageRun, footing: Footing) -> Footing:
    lower = next_footing(
        footing,
        lengths=[row.length for row in run.stage.rows],
        smallest_batch=2 if run.stage.objective is Objective.KTO else 1,
    )
    if lower is None:
        raise MemoryExhausted(footing.concessions)
    logger.warning("stage %s goes on with less: %s", run.stage.name, lower.concessions[-1])
    write_footing(lower, run.folder)
    return lower


def _losses(trainer: LibraryTrainer) -> tuple[tuple[int, float], ...]:
    history = trainer.state.log_history
    return tuple((int(entry["step"]), float(entry["loss"])) for entry in history if "loss" in entry)


def _last_loss(trainer: LibraryTrainer) -> float:
    """The mean loss of the last reported steps; a stage shorter than one report has its overall mean."""
    losses = _losses(trainer)
    return losses[-1][1] if losses else float(trainer.state.log_history[-1]["train_loss"])


def _peak_bytes() -> int:
    if device().type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
