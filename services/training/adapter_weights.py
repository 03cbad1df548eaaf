"""The adapter's own weights: its shape, where it begins, and its files at the end (torch).

Weights are kept in fp32 from first to last. The library turns those it is given into bf16 and a resumed run
loads them in fp32: without this, an interrupted training would end in other bytes than one that was not.
"""

import shutil
from collections.abc import Collection
from pathlib import Path

from peft import LoraConfig, PeftConfig, PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from services.adapters.digests import ADAPTER_FILES
from services.domain.training import ALL_LINEAR, LoraRecipe
from services.errors.training import ModuleMatchesNothing, StartUnusable

NAME = "default"  # the only name that the library clones a frozen reference from


def lora_config(lora: LoraRecipe, token_ids: Collection[int] = ()) -> LoraConfig:
    """`token_ids` are the rows of the input embeddings that are learnt too."""
    modules = ALL_LINEAR if lora.target_modules == (ALL_LINEAR,) else list(lora.target_modules)
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=modules,
        trainable_token_indices=list(token_ids) or None,
        task_type="CAUSAL_LM",
    )


def check_modules(model: PreTrainedModel, lora: LoraRecipe) -> None:
    """ModuleMatchesNothing when one of several requested names would silently be left out."""
    if lora.target_modules == (ALL_LINEAR,):
        return
    linear = [name for name, _ in linear_layers(model)]
    unmatched = tuple(
        wanted
        for wanted in lora.target_modules
        if not any(name == wanted or name.endswith(f".{wanted}") for name in linear)
    )
    if unmatched:
        raise ModuleMatchesNothing(unmatched, tuple(sorted({name.rpartition(".")[2] for name in linear})))


def linear_layers(model: PreTrainedModel) -> list[tuple[str, nn.Linear]]:
    """Every layer that an adapter can be put on: all linear ones but the head."""
    head = model.get_output_embeddings()
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    ]


def go_on_from(
    base: PreTrainedModel, folder: Path, lora: LoraRecipe, token_ids: Collection[int]
) -> PeftModel:
    """The base with `folder`'s adapter, trainable and in fp32; StartUnusable when it has another shape."""
    try:
        config = PeftConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise StartUnusable(str(folder), "it holds no adapter_config.json that can be read") from error
    if (config.r, config.lora_alpha) != (lora.r, lora.alpha):
        raise StartUnusable(
            str(folder),
            f"it has r {config.r} and alpha {config.lora_alpha}, the recipe {lora.r} and {lora.alpha}",
        )
    if (config.trainable_token_indices or []) != list(token_ids):
        raise StartUnusable(str(folder), "it has other new tokens than the recipe")
    config.lora_dropout = lora.dropout
    # A stored adapter names its base without this machine's folders; the library looks there as it saves.
    config.base_model_name_or_path = base.name_or_path
    return PeftModel.from_pretrained(base, folder, adapter_name=NAME, is_trainable=True, config=config)


def trainable_weights(model: nn.Module) -> dict[str, Tensor]:
    """Copies of the weights that training changes, by name."""
    return {
        name: weight.detach().clone() for name, weight in model.named_parameters() if weight.requires_grad
    }


def set_in_fp32(model: nn.Module, exact: dict[str, Tensor]) -> None:
    """Every trainable weight in fp32, with the value of `exact` where it names one."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weight.data = exact.get(name, weight.data).float()


def save_adapter(model: PeftModel, folder: Path) -> None:
    """The finished PEFT folder: its two files and nothing that the libraries add."""
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, selected_adapters=[NAME])
    for path in folder.iterdir():
        if path.name not in ADAPTER_FILES:
            path.unlink()
