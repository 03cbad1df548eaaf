"""What a training run is asked and what it gives back, as values; no training happens here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

ALL_LINEAR = "all-linear"


class Objective(StrEnum):
    """What a stage of training learns from: demonstrations, pairs, or unpaired examples."""

    SFT = "sft"
    DPO = "dpo"
    KTO = "kto"


class HalfPrecision(StrEnum):
    """The 16 bits that a device computes in: as wide a range as fp32, or a finer and much narrower one."""

    BF16 = "bf16"
    FP16 = "fp16"


class Quantisation(StrEnum):
    """How the base is held: its linear layers in 4 bits, or all of it in half precision."""

    NF4 = "nf4"
    NONE = "none"


DEFAULT_QUANTISATION = Quantisation.NF4  # where nobody says how the base is held


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
    """Lengths in tokens, `logging_steps` and `checkpoint_steps` in optimiser steps.

    `max_examples` of a stage and `max_seconds` of all stages and attempts have no limit at 0.
    `checkpoints_kept` are the newest ones that stay on the disk. `validation_share` of the prompts is kept
    out and scored at each checkpoint, with `previews` answers written; after `patience` checkpoints that are
    no better, 0 for never, the stage ends.
    """

    epochs: float
    batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float
    weight_decay: float
    warmup_ratio: float
    scheduler: str
    max_length: int
    max_examples: int
    gradient_checkpointing: bool
    optimizer: str
    logging_steps: int
    checkpoint_steps: int
    checkpoints_kept: int
    max_seconds: int
    validation_share: float
    patience: int
    previews: int
    seed: int


@dataclass(frozen=True, slots=True)
class PreferenceRecipe:
    """Where DPO and KTO differ from SFT; everything else is the OptimisationRecipe's.

    `beta` is how strongly the adapter is held near its reference. `desirable_ratio` is the weight of all
    desirable answers of a KTO stage against all others, between 1 and 4/3 (Ethayarajh et al. 2024).
    """

    beta: float
    epochs: float
    learning_rate: float
    desirable_ratio: float


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """`chat_template` is a Jinja template in the place of the base's own; empty: the base's own.

    `new_tokens` are spellings that the template uses and the base's tokenizer does not have: the adapter
    learns their embeddings. It is served with the template and the tokens it learnt with, the plain base
    always with its own.
    """

    name: str
    revision: str
    quantisation: Quantisation
    attention: str
    chat_template: str
    new_tokens: tuple[str, ...]

    @property
    def portable_name(self) -> str:
        """The name without the folders of this machine."""
        return portable(self.name)


@dataclass(frozen=True, slots=True)
class Recipe:
    model: ModelRecipe
    lora: LoraRecipe
    training: OptimisationRecipe
    preference: PreferenceRecipe

    def digest(self) -> str:
        """SHA-256 (hex) of the composed recipe, the same for the same values in any order.

        A recipe without new tokens has the digest that it had before there were any.
        """
        values = asdict(self)
        if not self.model.new_tokens:
            del values["model"]["new_tokens"]
        return digest_of(values)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The loss of the rows kept out, after a step, and what was answered to the first of their prompts.

    It is that of the stage's objective: a mean over tokens for demonstrations, over rows for preferences.
    """

    step: int
    loss: float
    previews: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage learnt from and how it went.

    `losses` are (step, mean loss since the point before). `concessions` are the sentences about what was
    given up to fit into memory. `dropped_rows` are the rows that this cost and those beyond max_examples.
    `stopped_early` says why steps are missing.
    With `evaluations` the adapter is the one that was best in them, otherwise the last.
    `peak_bytes` is the most memory held by the GPU, or by the process where there is none.
    """

    objective: Objective
    rows: int
    dropped_rows: int
    supervised_tokens: int
    steps: int
    resumed_from_step: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    final_loss: float
    concessions: tuple[str, ...]
    stopped_early: str
    evaluations: tuple[Evaluation, ...]
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """A finished PEFT folder (adapter_config.json, adapter_model.safetensors) and how it came about.

    `optimizer` and `quantisation` are those that ran, where the recipe's cannot run on this machine;
    `half_precision` is what the device computed in; `base_digest` names the base as it was held. `new_tokens`
    are the recipe's with the ids they were given. `memory` is what was expected to be held, in bytes by part.
    Steps and supervised tokens are those of all stages, `final_loss` is the last one's.
    """

    folder: Path
    base_digest: str
    new_tokens: Mapping[str, int]
    stages: tuple[StageResult, ...]
    optimizer: str
    quantisation: Quantisation
    half_precision: HalfPrecision
    memory: Mapping[str, int]
    packages: Mapping[str, str]

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    @property
    def resumed_from_step(self) -> int:
        """How many of the steps an earlier attempt had made."""
        return sum(stage.resumed_from_step for stage in self.stages)

    @property
    def supervised_tokens(self) -> int:
        return sum(stage.supervised_tokens for stage in self.stages)

    @property
    def final_loss(self) -> float:
        return self.stages[-1].final_loss


def digest_of(value: object) -> str:
    """SHA-256 (hex) of a JSON value in canonical form (sorted keys, no spaces)."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def portable(model_name: str) -> str:
    """A base's name without the folders of this machine."""
    return Path(model_name).name if Path(model_name).is_absolute() else model_name
