"""Trains one adapter on the 4-bit base, stage after stage, fresh or from where another left off (torch).

Importing this module loads torch, trl, peft and bitsandbytes, which takes seconds: jobs import it
inside the function that trains. It scores nothing: a forward in evaluation mode repacks 4-bit weights
on a CPU, and the gradients after it are wrong without any warning. Scoring asks an inference server.
"""

import logging
import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from services.domain.progress import MemoryExpected, StageEnded, TrainingReport
from services.domain.training import ModelRecipe, Objective, Recipe, StageResult, TrainedAdapter
from services.language_model.base_digest import base_digest
from services.language_model.loading import context_length, load_base, load_config, load_tokenizer
from services.language_model.machine import device, half_precision, has_bitsandbytes, usable_quantisation
from services.language_model.new_tokens import check_new_tokens, ids_of, with_tokens
from services.training.adapter_weights import check_modules
from services.training.checkpoints import finished
from services.training.dataset import refuse_long_rows
from services.training.following import Place, TrainingTime
from services.training.freed_memory import keep_freed_memory
from services.training.material import usable_optimizer
from services.training.memory import available_memory, estimate_memory, refuse_what_cannot_fit
from services.training.seats import Seats
from services.training.stage_run import ADAPTER, run_stage
from services.training.stage_trainer import StageRun
from services.training.stages import Stage, prepare_stages
from services.training.trainer import TrainingJob

logger = logging.getLogger(__name__)

_PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate")


class QloraTrainer:
    """The Trainer that really trains, on a GPU where there is one and on the CPU otherwise.

    `cache` keeps bases in 4 bits, as in `load_base`. With `seats` it is one of several at once: on a CPU it
    keeps to cores of its own, and it refuses what needs more than its part of the memory.
    """

    def __init__(self, *, cache: Path | None = None, seats: Seats | None = None) -> None:
        self._cache, self._seats = cache, seats

    def base_digest(self, model: ModelRecipe) -> str:
        """See Trainer."""
        usable = _usable(model)
        return base_digest(usable.name, revision=usable.revision, quantisation=usable.quantisation)

    def train(self, job: TrainingJob, *, progress: Callable[[TrainingReport], None]) -> TrainedAdapter:
        """See Trainer; every error but MemoryExhausted is raised before step 1."""
        if device().type != "cpu":
            return self._train(job, progress=progress)
        keep_freed_memory()
        if self._seats is None:
            return self._train(job, progress=progress)
        with self._seats.one():
            return self._train(job, progress=progress)

    def _train(self, job: TrainingJob, *, progress: Callable[[TrainingReport], None]) -> TrainedAdapter:
        recipe = replace(job.recipe, model=_usable(job.recipe.model))
        job = replace(job, recipe=recipe)
        tokenizer = _tokenizer(recipe.model)
        stages = prepare_stages(job, tokenizer)
        memory = estimate_memory(recipe, stages, start=job.start)
        available = available_memory() // (1 if self._seats is None else self._seats.number)
        progress(MemoryExpected(memory.parts, available))
        refuse_what_cannot_fit(memory, available=available)
        base = self._load(recipe, stages)
        results = self._run(job, stages, base, tokenizer, progress)
        return TrainedAdapter(
            folder=job.workdir / stages[len(results) - 1].name / ADAPTER,
            base_digest=self.base_digest(recipe.model),
            new_tokens=ids_of(tokenizer, recipe.model.new_tokens),
            stages=tuple(results),
            optimizer=usable_optimizer(recipe.training),
            quantisation=recipe.model.quantisation,
            half_precision=half_precision(),
            memory=dict(memory.parts),
            packages=package_versions(),
        )

    def _load(self, recipe: Recipe, stages: Sequence[Stage]) -> PreTrainedModel:
        """The base, looked at whether it can learn these rows by this recipe."""
        base = load_base(
            recipe.model.name,
            revision=recipe.model.revision,
            attention=recipe.model.attention,
            quantisation=recipe.model.quantisation,
            cache=self._cache,
        )
        for stage in stages:
            refuse_long_rows(stage.rows, limit=context_length(base))
        check_modules(base, recipe.lora)
        return base

    def _run(
        self,
        job: TrainingJob,
        stages: Sequence[Stage],
        base: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        progress: Callable[[TrainingReport], None],
    ) -> list[StageResult]:
        """Stage after stage, each from where the one before left off, until the last or the time is over."""
        results: list[StageResult] = []
        start = job.start
        time = TrainingTime(job.workdir, limit=job.recipe.training.max_seconds)
        for stage in stages:
            run = StageRun(
                job=job,
                cache=self._cache,
                stage=stage,
                base=base,
                tokenizer=tokenizer,
                start=start,
                place=_place(stage, stages, results, job.recipe),
                time=time,
                report=progress,
            )
            results.append(_run_once(run))
            progress(StageEnded(stage.number, run.place.steps_before, results[-1]))
            start = run.folder / ADAPTER
            if results[-1].stopped_early:
                logger.warning("stage %s: %s", stage.name, results[-1].stopped_early)
            if stage.number < len(stages) and time.is_over:
                logger.warning("training.max_seconds left no time for the stages after %s", stage.name)
                break
        return results


def _run_once(run: StageRun) -> StageResult:
    """What the stage ends with, or ended with in an attempt before."""
    earlier = finished(run.folder)
    return run_stage(run) if earlier is None else replace(earlier, resumed_from_step=earlier.steps)


def package_versions() -> dict[str, str]:
    """Of Python and of what training is made of; bitsandbytes may be missing."""
    there = [name for name in _PACKAGES if name != "bitsandbytes" or has_bitsandbytes()]
    return {"python": platform.python_version()} | {name: version(name) for name in there}


def _usable(model: ModelRecipe) -> ModelRecipe:
    return replace(model, quantisation=usable_quantisation(model.quantisation))


def _tokenizer(model: ModelRecipe) -> PreTrainedTokenizerBase:
    """The base's with the recipe's new tokens; InvalidRecipe where it has no place for them."""
    tokenizer = load_tokenizer(model.name, revision=model.revision)
    check_new_tokens(tokenizer, model, load_config(model.name, revision=model.revision))
    return with_tokens(tokenizer, model.new_tokens)


def _place(stage: Stage, stages: Sequence[Stage], results: Sequence[StageResult], recipe: Recipe) -> Place:
    return Place(
        objective=stage.objective,
        stage=stage.number,
        steps_before=sum(result.steps for result in results),
        steps_after=sum(_planned_steps(later, recipe) for later in stages[stage.number :]),
    )


def _planned_steps(stage: Stage, recipe: Recipe) -> int:
    """Optimiser steps of a stage that gives nothing up, counted as the library counts them."""
    training = recipe.training
    epochs = training.epochs if stage.objective is Objective.SFT else recipe.preference.epochs
    per_epoch = math.ceil(len(stage.rows) / (training.batch_size * training.gradient_accumulation_steps))
    return math.ceil(epochs * per_epoch)
