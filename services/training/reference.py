"""The reference of a preference stage: the adapter as the stage began, asserted before step 1 (torch).

It is compared by weights and not by scores: scoring a 4-bit base in the process that trains on it spoils the
training on a CPU.
"""

from collections.abc import Iterator

from peft import PeftModel
from peft.tuners.trainable_tokens.layer import TrainableTokensLayer
from torch import nn

from services.domain.training import Objective
from services.errors.training import ReferenceDiffers
from services.training.adapter_weights import NAME

REFERENCE = "ref"


def copy_new_rows(model: PeftModel) -> None:
    """Give the reference the rows of new tokens, frozen: the library's are the base's, and trainable."""
    for layer in _token_layers(model):
        ours = layer.trainable_tokens_delta[NAME].detach().clone()
        layer.trainable_tokens_delta[REFERENCE] = nn.Parameter(ours, requires_grad=False)


def check_reference(model: PeftModel, objective: Objective, *, fresh: bool) -> None:
    """ReferenceDiffers unless the policy equals its reference.

    A fresh adapter's reference is the base with adapters disabled, so it must add nothing yet; an adapter
    that was begun before has a frozen copy beside it, equal to the last bit.
    """
    if fresh:
        _check_adds_nothing(model, objective)
    else:
        _check_copy(model, objective)


def _check_adds_nothing(model: PeftModel, objective: Objective) -> None:
    if REFERENCE in model.peft_config:
        raise ReferenceDiffers(objective, "the set of adapters")
    for name, weight in model.named_parameters():
        if f".lora_B.{NAME}." in name and weight.any():
            raise ReferenceDiffers(objective, name)
    for layer in _token_layers(model):
        if not layer.trainable_tokens_delta[NAME].equal(layer.trainable_tokens_original[NAME].float()):
            raise ReferenceDiffers(objective, "the embedding of a new token")


def _check_copy(model: PeftModel, objective: Objective) -> None:
    weights = dict(model.named_parameters())
    ours = [name for name in weights if NAME in name.split(".")]
    if REFERENCE not in model.peft_config or not ours:
        raise ReferenceDiffers(objective, "the set of adapters")
    for name in ours:
        copy = weights[".".join(REFERENCE if part == NAME else part for part in name.split("."))]
        if copy.requires_grad or copy.dtype != weights[name].dtype or not copy.equal(weights[name]):
            raise ReferenceDiffers(objective, name)


def _token_layers(model: PeftModel) -> Iterator[TrainableTokensLayer]:
    return (module for module in model.modules() if isinstance(module, TrainableTokensLayer))
