"""One attempt at a stage made ready: the library's trainer, its adapter, and all who follow it (torch)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
    TrainerState,
    set_seed,
)
from transformers import Trainer as LibraryTrainer

from services.domain.progress import CheckpointScored, TrainingReport
from services.domain.training import Evaluation, Objective
from services.language_model.new_tokens import ids_of
from services.training.adapter_weights import go_on_from, lora_config, set_in_fp32, trainable_weights
from services.training.checkpoints import CheckpointMarks, EarlyCheckpoint
from services.training.dataset import Tokenised, TokenisedJudgement, TokenisedPair, TokenisedRow
from services.training.dpo import dpo_trainer
from services.training.following import Clock, Place, ProgressReports, TrainingTime
from services.training.footing import Footing
from services.training.kto import kto_trainer
from services.training.material import Material, shared_arguments
from services.training.reference import check_reference, copy_new_rows
from services.training.sft import sft_trainer
from services.training.stages import Stage
from services.training.trainer import TrainingJob
from services.training.validation import Scoring, Validation


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of a job on a loaded base. `start` is the adapter to go on from, None for a fresh one.

    `cache` is where bases in 4 bits are kept, if they are.
    """

    job: TrainingJob
    cache: Path | None
    stage: Stage
    base: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    start: Path | None
    place: Place
    time: TrainingTime
    report: Callable[[TrainingReport], None]

    @property
    def folder(self) -> Path:
        return self.job.workdir / self.stage.name


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who follows one attempt."""

    reports: ProgressReports
    clock: Clock
    validation: Validation | None

    def in_order(self) -> list[TrainerCallback]:
        """As they are called: a checkpoint is marked as whole before it is validated."""
        watchers = [EarlyCheckpoint(), CheckpointMarks(), self.reports, self.clock]
        return watchers if self.validation is None else [*watchers, self.validation]

    def why_stopped(self, state: TrainerState) -> str:
        """Why the attempt ended before its last step; empty when it did not."""
        if self.clock.ran_out:
            return f"training.max_seconds ran out after step {state.global_step} of {state.max_steps}"
        if self.validation is not None and self.validation.stopped:
            best = self.validation.best()
            return (
                f"no better validation loss than {best.loss:.4f} of step {best.step} "
                f"until step {state.global_step} of {state.max_steps}"
            )
        return ""


def watchers_of(run: StageRun, process: Scoring | None, footing: Footing) -> Watchers:
    def scored(one: Evaluation) -> None:
        step = run.place.steps_before + one.step
        run.report(CheckpointScored(run.place.stage, step, one.loss, one.previews))

    patience = run.job.recipe.training.patience
    validation = None if process is None else Validation(process, run.folder, scored, patience=patience)
    reports = ProgressReports(run.report, run.place, footing.concessions)
    return Watchers(reports, Clock(run.time), validation)


def build_trainer(
    run: StageRun, footing: Footing, rows: Sequence[Tokenised], watchers: Watchers
) -> LibraryTrainer:
    """The library's trainer with the adapter in fp32 and, for preferences, the reference checked."""
    recipe, objective = run.job.recipe, run.stage.objective
    set_seed(recipe.training.seed)  # before a fresh adapter is made: its first weights are drawn
    token_ids = ids_of(run.tokenizer, recipe.model.new_tokens).values()
    model = run.base if run.start is None else go_on_from(run.base, run.start, recipe.lora, token_ids)
    exact = {} if run.start is None else trainable_weights(model)
    material = Material(
        model=model,
        fresh=lora_config(recipe.lora, token_ids) if run.start is None else None,
        tokenizer=run.tokenizer,
        arguments=shared_arguments(recipe, objective, footing, folder=run.folder),
        callbacks=watchers.in_order(),
    )
    trainer = _trainer_of(run, material, rows, footing)
    trainer.remove_callback(PrinterCallback)
    set_in_fp32(trainer.model, exact)
    if objective is not Objective.SFT:
        if run.start is not None:
            copy_new_rows(trainer.model)
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
