"""Trains one adapter: TRL's SFTTrainer on PEFT over the 4-bit base, a fresh adapter each time (torch).

Importing this module loads torch, trl, peft and bitsandbytes, which takes seconds: jobs import it
inside the function that trains. It scores nothing: a forward in evaluation mode repacks 4-bit weights
on a CPU, and the gradients after it are wrong without any warning. Scoring asks an inference server.
"""

import logging
import platform
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from datasets import Dataset
from peft import LoraConfig
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, set_seed
from trl import SFTConfig, SFTTrainer

from services.adapters.digests import ADAPTER_FILES
from services.domain.training import ALL_LINEAR, LoraRecipe, OptimisationRecipe, Progress, TrainedAdapter
from services.errors.training import ModuleMatchesNothing
from services.language_model.base_digest import base_digest
from services.language_model.loading import context_length, device, load_base, load_tokenizer
from services.training.answer_loss import AnswerLossTrainer
from services.training.checkpoints import (
    CheckpointMarks,
    ProgressReports,
    newest_whole_checkpoint,
    step_of,
)
from services.training.dataset import TokenisedRow, refuse_long_rows, show_row, tokenise
from services.training.trainer import TrainingJob

logger = logging.getLogger(__name__)

LOGGING_STEPS = 5
_WITHOUT_PAGING = {"paged_adamw_8bit": "adamw_8bit", "paged_adamw_32bit": "adamw_torch"}
_PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate")


class QloraTrainer:
    """The Trainer that really trains, on a GPU where there is one and on the CPU otherwise."""

    def train(self, job: TrainingJob, *, progress: Callable[[Progress], None]) -> TrainedAdapter:
        """See Trainer; also RowsTooLong, NoSupervisedTokens, ModuleMatchesNothing before step 1."""
        recipe = job.recipe
        tokenizer = load_tokenizer(recipe.model.name, revision=recipe.model.revision)
        rows = tokenise(job.rows, tokenizer, chat_template=recipe.model.chat_template)
        refuse_long_rows(rows, limit=recipe.training.max_length)
        model = load_base(recipe.model.name, revision=recipe.model.revision, attention=recipe.model.attention)
        refuse_long_rows(rows, limit=context_length(model))
        _check_modules(model, recipe.lora)
        supervised = sum(row.supervised_tokens for row in rows)
        logger.info(
            "%d rows, %d supervised tokens; one row: %s", len(rows), supervised, show_row(rows[0], tokenizer)
        )

        trainer = _build_trainer(job, model, tokenizer, rows, progress)
        checkpoint = newest_whole_checkpoint(job.workdir)
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        return TrainedAdapter(
            folder=_save(trainer, job.workdir / "adapter"),
            base_digest=base_digest(recipe.model.name, model.config),
            steps=trainer.state.global_step,
            resumed_from_step=step_of(checkpoint),
            supervised_tokens=supervised,
            final_loss=_last_loss(trainer),
            optimizer=trainer.args.optim.value,
            packages=package_versions(),
        )


def usable_optimizer(training: OptimisationRecipe) -> str:
    """The optimiser the recipe asks for, without its paging where there is no GPU to page out of."""
    if device().type == "cuda" or training.optimizer not in _WITHOUT_PAGING:
        return training.optimizer
    usable = _WITHOUT_PAGING[training.optimizer]
    logger.warning("%s pages GPU memory and there is no GPU: %s is used instead", training.optimizer, usable)
    return usable


def package_versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def _check_modules(model: PreTrainedModel, lora: LoraRecipe) -> None:
    """ModuleMatchesNothing when one of several requested names would silently be left out."""
    if lora.target_modules == (ALL_LINEAR,):
        return
    head = model.get_output_embeddings()
    linear = [
        name for name, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head
    ]
    unmatched = tuple(
        wanted
        for wanted in lora.target_modules
        if not any(name == wanted or name.endswith(f".{wanted}") for name in linear)
    )
    if unmatched:
        raise ModuleMatchesNothing(unmatched, tuple(sorted({name.rpartition(".")[2] for name in linear})))


def _build_trainer(
    job: TrainingJob,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[TokenisedRow],
    progress: Callable[[Progress], None],
) -> SFTTrainer:
    set_seed(job.recipe.training.seed)  # before the adapter is made: its first weights are drawn
    trainer_class = SFTTrainer if device().type == "cuda" else AnswerLossTrainer
    trainer = trainer_class(
        model=model,
        args=_arguments(job),
        train_dataset=Dataset.from_dict(
            {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
        ),
        processing_class=tokenizer,
        peft_config=_lora_config(job.recipe.lora),
        callbacks=[CheckpointMarks(), ProgressReports(progress)],
    )
    trainer.remove_callback(PrinterCallback)
    # TRL starts adapters in bf16 and a resumed run loads them in fp32: without this the two would differ.
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def _lora_config(lora: LoraRecipe) -> LoraConfig:
    modules = ALL_LINEAR if lora.target_modules == (ALL_LINEAR,) else list(lora.target_modules)
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=modules,
        task_type="CAUSAL_LM",
    )


def _arguments(job: TrainingJob) -> SFTConfig:
    training = job.recipe.training
    return SFTConfig(
        output_dir=str(job.workdir),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warmup_steps=training.warmup_ratio,  # a value below 1 is a share of all steps
        lr_scheduler_type=training.scheduler,
        activation_checkpointing=training.gradient_checkpointing,
        optim=usable_optimizer(training),
        seed=training.seed,
        save_steps=training.checkpoint_steps,
        save_total_limit=2,
        logging_steps=LOGGING_STEPS,
        include_num_input_tokens_seen="non_padding",
        max_length=None,  # rows that are too long were refused; nothing is cut
        dataset_kwargs={"skip_prepare_dataset": True},
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=device().type == "cpu",
        dataloader_pin_memory=device().type == "cuda",
    )


def _last_loss(trainer: SFTTrainer) -> float:
    """The mean loss of the last reported steps; a run shorter than one report has its overall mean."""
    losses = [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    return losses[-1] if losses else float(trainer.state.log_history[-1]["train_loss"])


def _save(trainer: SFTTrainer, folder: Path) -> Path:
    """The finished PEFT folder: its two files and nothing that the libraries add."""
    shutil.rmtree(folder, ignore_errors=True)
    trainer.model.save_pretrained(folder)
    for path in folder.iterdir():
        if path.name not in ADAPTER_FILES:
            path.unlink()
    return folder
