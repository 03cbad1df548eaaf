"""What the trainers of all objectives are made of, and the settings they share (torch)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from services.domain.training import HalfPrecision, Objective, OptimisationRecipe, Recipe
from services.language_model.machine import device, half_precision, has_bitsandbytes
from services.training.footing import Footing

logger = logging.getLogger(__name__)

_IN_FP32 = "adamw_torch"
_WITHOUT_PAGING = {"paged_adamw_8bit": "adamw_8bit", "paged_adamw_32bit": _IN_FP32}


@dataclass(frozen=True, slots=True)
class Material:
    """`model` is the plain base where `fresh` describes an adapter for it, else one with its adapter."""

    model: PreTrainedModel | PeftModel
    fresh: LoraConfig | None
    tokenizer: PreTrainedTokenizerBase
    arguments: dict[str, Any]
    callbacks: Sequence[TrainerCallback]

    def keywords(self) -> dict[str, Any]:
        """What every trainer is called with, its arguments and rows apart."""
        return {
            "model": self.model,
            "peft_config": self.fresh,
            "processing_class": self.tokenizer,
            "callbacks": list(self.callbacks),
        }


def shared_arguments(
    recipe: Recipe, objective: Objective, footing: Footing, *, folder: Path
) -> dict[str, Any]:
    """Settings of a stage in the library's words; `folder` takes its checkpoints."""
    training = recipe.training
    pace = training if objective is Objective.SFT else recipe.preference
    return {
        "output_dir": str(folder),
        "num_train_epochs": pace.epochs,
        "learning_rate": pace.learning_rate,
        "per_device_train_batch_size": footing.batch_size,
        "gradient_accumulation_steps": footing.accumulation,
        "activation_checkpointing": footing.checkpointing,
        "weight_decay": training.weight_decay,
        "warmup_steps": training.warmup_ratio,  # a value below 1 is a share of all steps
        "lr_scheduler_type": training.scheduler,
        "optim": usable_optimizer(training),
        "seed": training.seed,
        "save_steps": training.checkpoint_steps,
        "save_total_limit": training.checkpoints_kept,
        "logging_steps": training.logging_steps,
        "include_num_input_tokens_seen": "non_padding",
        "eval_strategy": "no",
        "bf16": half_precision() is HalfPrecision.BF16,
        "fp16": half_precision() is HalfPrecision.FP16,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": device().type == "cpu",
        "dataloader_pin_memory": device().type == "cuda",
    }


def usable_optimizer(training: OptimisationRecipe) -> str:
    """The optimiser the recipe asks for, or its like where this machine has no paging, or no 8 bits."""
    asked = usable = training.optimizer
    if device().type != "cuda" and asked in _WITHOUT_PAGING:
        usable = _WITHOUT_PAGING[asked]
        logger.warning("%s pages GPU memory and there is no GPU: %s is used instead", asked, usable)
    if usable != _IN_FP32 and (device().type == "mps" or not has_bitsandbytes()):
        logger.warning("%s needs bitsandbytes, which does not run here: %s is used instead", usable, _IN_FP32)
        return _IN_FP32
    return usable
