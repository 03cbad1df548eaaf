"""The architectures of the named recipes, laid out from the library's own figures without weights (torch)."""

from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from tests.services.training.named_recipes import BASES

_CONFIGS = {"Phi3": Phi3Config, "Mistral": MistralConfig, "Llama": LlamaConfig, "Phi": PhiConfig}
# Of the bases whose sizes are not the library's own for their architecture.
_SIZES: dict[str, dict[str, int]] = {
    "llama3_8b": {
        "vocab_size": 128256,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "phi2_oasst": {
        "vocab_size": 51200,
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
    },
}


def write_config(recipe: str, folder: Path) -> None:
    """The configuration of the base that a named recipe is for, at its true size; no weights."""
    _CONFIGS[BASES[recipe].architecture](**_SIZES.get(recipe, {})).save_pretrained(folder)


def architecture(name: str) -> type[PretrainedConfig]:
    return _CONFIGS[name]


def layout(config: type[PretrainedConfig]) -> PreTrainedModel:
    """Two layers of the library's own size for this architecture, on the meta device."""
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config(num_hidden_layers=2))
    return model
