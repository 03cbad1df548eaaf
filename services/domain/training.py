"""What a training run is asked and what it gives back, as values; no training happens here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

ALL_LINEAR = "all-linear"


class Objective(StrEnum):
    """What a stage of training learns from: demonstrations, pairs, or single judged answers."""

    SFT = "sft"
    DPO = "dpo"
    KTO = "kto"


class RunState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoraRecipe:
    """`target_modules` is (ALL_LINEAR,) or module names; alpha scales the update by alpha / r."""

    r: int
    alpha: int
    dropout: float
    target_modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptimisationRecipe:
    """Lengths in tokens, `checkpoint_steps` in optimiser steps."""

    epochs: float
    batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float
    weight_decay: float
    warmup_ratio: float
    scheduler: str
    max_length: int
    gradient_checkpointing: bool
    optimizer: str
    checkpoint_steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """`chat_template` is a Jinja template in the place of the base's own; empty: the base's own.

    An adapter is served with the template it learnt with, the plain base always with its own.
    """

    name: str
    revision: str
    attention: str
    chat_template: str


@dataclass(frozen=True, slots=True)
class Recipe:
    model: ModelRecipe
    lora: LoraRecipe
    training: OptimisationRecipe

    def digest(self) -> str:
        """SHA-256 (hex) of the composed recipe, the same for the same values in any order."""
        return digest_of(asdict(self))


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a running job is: optimiser steps, mean loss since the last report, seconds left."""

    step: int
    total_steps: int
    loss: float
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """A finished PEFT folder (adapter_config.json, adapter_model.safetensors) and how it came about.

    `optimizer` is the one that ran, where the recipe's cannot run on this machine; `base_digest` names the
    base by its content.
    """

    folder: Path
    base_digest: str
    steps: int
    resumed_from_step: int
    supervised_tokens: int
    final_loss: float
    optimizer: str
    packages: Mapping[str, str]


def digest_of(value: object) -> str:
    """SHA-256 (hex) of a JSON value in canonical form (sorted keys, no spaces)."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
