"""The architectures of the named recipes, laid out from the library's own figures without weights (torch)."""

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

_CONFIGS = {"Phi3": Phi3Config, "Mistral": MistralConfig, "Llama": LlamaConfig, "Phi": PhiConfig}


def architecture(name: str) -> type[PretrainedConfig]:
    return _CONFIGS[name]


def layout(config: type[PretrainedConfig]) -> PreTrainedModel:
    """Two layers of the library's own size for this architecture, on the meta device."""
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config(num_hidden_layers=2))
    return model
