"""Runs one stage from where it stands to its finished adapter, with less where memory runs out (torch)."""

import gc
import logging
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, set_seed
from transformers import Trainer as LibraryTrainer

from services.domain.training import Objective, Progress, StageResult
from services.errors.training import MemoryExhausted
from services.language_model.loading import device
from services.training.adapter_weights import (
    go_on_from,
    lora_config,
    save_adapter,
    set_in_fp32,
    trainable_weights,
)
from services.training.checkpoints import CheckpointMarks, finish, newest_whole_checkpoint, step_of
from services.training.dataset import Tokenised, TokenisedJudgement, TokenisedPair, TokenisedRow
from services.training.dpo import dpo_trainer
from services.training.following import Clock, Place, ProgressReports
from services.training.footing import Footing, first_footing, next_footing, read_footing, write_footing
from services.training.kto import kto_trainer
from services.training.material import Material, shared_arguments
from services.training.reference import check_reference
from services.training.sft import sft_trainer
from services.training.stages import Stage
from services.training.trainer import TrainingJob

logger = logging.getLogger(__name__)

_CPU_IS_FULL = "can't allocate memory"  # has no exception of its own
ADAPTER = "adapter"  # the finished adapter's folder, inside the stage's


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of a job on a loaded base. `start` is the adapter to go on from, None for a fresh one;
    `deadline` is in time.monotonic, None for none."""

    job: TrainingJob
    stage: Stage
    base: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    start: Path | None
    place: Place
    deadline: float | None
    report: Callable[[Progress], None]

    @property
    def folder(self) -> Path:
        return self.job.workdir / self.stage.name


def run_stage(run: StageRun) -> StageResult:
    """Train the stage, leaving its adapter in `folder / ADAPTER` and the base as it was before.

    MemoryExhausted when nothing is left to give up.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    footing = read_footing(run.folder) or first_footing(
        run.job.recipe, run.stage.objective, longest=run.stage.longest
    )
    while True:
        rows = [row for row in run.stage.rows if row.length <= footing.length]
        clock = Clock(run.deadline)
        trainer = _build(run, footing, rows, clock)
        checkpoint = newest_whole_checkpoint(run.folder)
        if _fits(trainer, checkpoint):
            break
        footing = _step_down(run, footing)
        trainer.model.unload()
        del trainer
        gc.collect()
        torch.cuda.empty_cache()
    result = StageResult(
        objective=run.stage.objective,
        rows=len(rows),
        dropped_rows=len(run.stage.rows) - len(rows),
        supervised_tokens=sum(row.supervised_tokens for row in rows),
        steps=trainer.state.global_step,
        resumed_from_step=step_of(checkpoint),
        seconds=time.monotonic() - started,
        losses=_losses(trainer),
        final_loss=_last_loss(trainer),
        concessions=footing.concessions,
        stopped_early=_why_stopped(run, trainer, clock),
        peak_bytes=_peak_bytes(),
    )
    save_adapter(trainer.model, run.folder / ADAPTER)
    finish(run.folder, result)
    trainer.model.unload()
    return result


def _build(run: StageRun, footing: Footing, rows: Sequence[Tokenised], clock: Clock) -> LibraryTrainer:
    """The library's trainer with the adapter in fp32 and, for preferences, the reference checked."""
    recipe, objective = run.job.recipe, run.stage.objective
    set_seed(recipe.training.seed)  # before a fresh adapter is made: its first weights are drawn
    model = run.base if run.start is None else go_on_from(run.base, run.start, recipe.lora)
    exact = {} if run.start is None else trainable_weights(model)
    material = Material(
        model=model,
        fresh=lora_config(recipe.lora) if run.start is None else None,
        tokenizer=run.tokenizer,
        arguments=shared_arguments(recipe, objective, footing, folder=run.folder),
        callbacks=[CheckpointMarks(), ProgressReports(run.report, run.place), clock],
    )
    trainer = _trainer_of(run, material, rows, footing)
    trainer.remove_callback(PrinterCallback)
    set_in_fp32(trainer.model, exact)
    if objective is not Objective.SFT:
        check_reference(trainer.model, objective, fresh=run.start is None)
    return trainer


def _trainer_of(
    run: StageRun, material: Material, rows: Sequence[Tokenised], footing: Footing
) -> LibraryTrainer:
    preference = run.job.recipe.preference
    match run.stage.objective:
        case Objective.SFT:
            return sft_trainer(material, cast("Sequence[TokenisedRow]", rows))
        case Objective.DPO:
            return dpo_trainer(
                material,
                cast("Sequence[TokenisedPair]", rows),
                beta=preference.beta,
                label_smoothing=run.job.label_smoothing,
            )
        case Objective.KTO:
            return kto_trainer(
                material,
                cast("Sequence[TokenisedJudgement]", rows),
                preference=preference,
                longest=footing.length,
            )


def _fits(trainer: LibraryTrainer, checkpoint: Path | None) -> bool:
    """Train to the end; False when memory ran out on the way."""
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and _CPU_IS_FULL not in str(error):
            raise
        logger.warning("memory ran out after step %d: %s", trainer.state.global_step, error)
        return False
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


def _why_stopped(run: StageRun, trainer: LibraryTrainer, clock: Clock) -> str:
    if not clock.ran_out:
        return ""
    return (
        f"training.max_seconds={run.job.recipe.training.max_seconds} ran out after step "
        f"{trainer.state.global_step} of {trainer.state.max_steps}"
    )


def _peak_bytes() -> int:
    if device().type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
