"""What training will hold in memory, part by part, from the base's configuration alone (torch).

Weights, adapter, gradients and optimiser are counted; activations are an estimate after Korthikanti et al.
(2022): 34 bytes a hidden value, layer and token in half precision, and 5 bytes an attention score where those
are kept. Nothing is loaded: the base is laid out without its weights.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from services.domain.training import ALL_LINEAR, Objective, Quantisation, Recipe
from services.errors.training import MemoryTooSmall
from services.language_model.loading import load_config
from services.language_model.machine import device
from services.training.adapter_weights import linear_layers
from services.training.memory_parts import COUNTED, Part, size_words, table
from services.training.stages import Stage

logger = logging.getLogger(__name__)

# Bytes a parameter. Four bits, a scale in 8 bits for each 64 of them, and one in fp32 for each 256 scales.
_NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
_HALF = 2
_FULL = 4
_MOMENTS = {"adamw_8bit": 2, "paged_adamw_8bit": 2}  # of the optimiser; the others keep two in fp32
_GIBIBYTE = 2**30
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """`parts` in bytes; the first `fixed` of them do not depend on the batch and cannot be made smaller."""

    parts: Mapping[str, int]
    fixed: int

    @property
    def total(self) -> int:
        return sum(self.parts.values())

    @property
    def least(self) -> int:
        return sum(list(self.parts.values())[: self.fixed])


def estimate_memory(recipe: Recipe, stages: Sequence[Stage], *, start: Path | None = None) -> MemoryEstimate:
    """For the stage that needs most; `start` is the adapter the first goes on from, None for a fresh one.

    BaseModelMissing without a configuration.
    """
    layout = _layout(recipe)
    embeddings = layout.get_input_embeddings()
    adapter = _adapter_parameters(layout, recipe)
    adapter += len(recipe.model.new_tokens) * embeddings.embedding_dim
    linear = sum(layer.weight.numel() for _, layer in linear_layers(layout))
    others = sum(weight.numel() for weight in layout.parameters()) - linear
    quantised = recipe.model.quantisation is Quantisation.NF4
    linear_bytes = int(linear * (_NF4 if quantised else _HALF))
    # A stage that goes on from an adapter measures preferences against a frozen copy of it.
    going_on = stages if start is not None else stages[1:]
    references = any(stage.objective is not Objective.SFT for stage in going_on)
    fixed: dict[str, int] = {
        Part.LINEAR if quantised else Part.LINEAR_HALF: linear_bytes,
        Part.REST: others * _HALF,
        # The library puts the new rows into a copy at each step, whose gradient is as large and comes later.
        Part.NEW_TOKENS: embeddings.weight.numel() * _HALF * bool(recipe.model.new_tokens),
        Part.ADAPTER: adapter * _FULL,
        Part.GRADIENTS: adapter * _FULL,
        Part.OPTIMISER: adapter * _MOMENTS.get(recipe.training.optimizer, 2 * _FULL),
        Part.REFERENCE: adapter * _FULL * references,
    }
    if any(stage.validation for stage in stages):
        fixed[Part.VALIDATING] = linear_bytes + others * _HALF
    tokens = max(stage.longest * _sequences(stage) for stage in stages) * recipe.training.batch_size
    longest = max(stage.longest for stage in stages)
    vocabulary = layout.config.get_text_config().vocab_size
    varying: dict[str, int] = {
        Part.ACTIVATIONS: _activations(layout, recipe, tokens=tokens, longest=longest),
        Part.SCORES: tokens * vocabulary * 2 * _FULL,
    }
    return MemoryEstimate(fixed | varying, fixed=len(fixed))


def available_memory() -> int:
    """Bytes that are free on the GPU, or those this process may use of the machine's."""
    if device().type == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.exists() else ""
    return min(machine, int(limit)) if limit.isdigit() else machine


def refuse_what_cannot_fit(estimate: MemoryEstimate, *, available: int) -> None:
    """MemoryTooSmall when what cannot be made smaller does not fit; a warning when the rest may not."""
    logger.info(
        "memory by part, of %s there are, beside a published Phi-3-mini training:\n%s\n%s",
        size_words(available),
        table(estimate.parts),
        COUNTED,
    )
    if estimate.least > available:
        parts = list(estimate.parts.items())[: estimate.fixed]
        raise MemoryTooSmall(
            needed=estimate.least,
            available=available,
            parts=", ".join(f"{name} {size / _GIBIBYTE:.1f}" for name, size in parts),
        )
    if estimate.total > available:
        logger.warning("this may not fit: batches get smaller if memory runs out")


def _layout(recipe: Recipe) -> PreTrainedModel:
    config = load_config(recipe.model.name, revision=recipe.model.revision)
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model


def _adapter_parameters(layout: PreTrainedModel, recipe: Recipe) -> int:
    wanted = recipe.lora.target_modules
    return sum(
        recipe.lora.r * (layer.in_features + layer.out_features)
        for name, layer in linear_layers(layout)
        if wanted == (ALL_LINEAR,) or name.rpartition(".")[2] in wanted
    )


def _sequences(stage: Stage) -> int:
    """How many sequences a row is when gradients are taken: a pair is two."""
    return 2 if stage.objective is Objective.DPO else 1


def _activations(layout: PreTrainedModel, recipe: Recipe, *, tokens: int, longest: int) -> int:
    config = layout.config.get_text_config()
    scores = 5 * config.num_attention_heads * longest if recipe.model.attention == "eager" else 0
    layers: int = config.num_hidden_layers
    layer: int = tokens * (34 * config.hidden_size + scores)
    if recipe.training.gradient_checkpointing:
        return layers * int(tokens * config.hidden_size * _HALF) + layer
    return layers * layer
