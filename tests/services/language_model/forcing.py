"""A tiny base and adapters that make it say one letter for ever, so that whose answer it is can be read off.

The base's embeddings carry one constant feature; an adapter on the output layer turns it into a large logit
for its letter. The rest of the weights is random.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from tests.services.training.tiny_base import write_base

HIDDEN, MLP = 64, 128
_CONSTANT_FEATURE = 0
_PUSH = 50.0


def write_forcible_base(folder: Path) -> Path:
    write_base(folder, ["Why is the sky blue? Because light scatters. You are an expert in physics."])
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][:, _CONSTANT_FEATURE] = 4.0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_attentive_base(folder: Path) -> Path:
    """A base whose weights are large enough for the order of tokens to change what comes next."""
    write_base(folder, ["Why is the sky blue? Because light scatters."])
    weights = load_file(folder / "model.safetensors")
    for tensor in weights.values():
        if tensor.dim() == 2:
            tensor.mul_(8.0)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_forcing_adapter(folder: Path, base: Path, *, letter: str) -> Path:
    """A PEFT folder; it also carries an adapter on a 4-bit layer, so that those are on the path too."""
    [token] = AutoTokenizer.from_pretrained(base).encode(letter)
    vocabulary = len(AutoTokenizer.from_pretrained(base))
    feature = torch.zeros(1, HIDDEN)
    feature[0, _CONSTANT_FEATURE] = 1.0
    push = torch.zeros(vocabulary, 1)
    push[token, 0] = _PUSH
    weights = {
        "base_model.model.lm_head.lora_A.weight": feature,
        "base_model.model.lm_head.lora_B.weight": push,
    }
    for layer in range(2):
        name = f"base_model.model.model.layers.{layer}.mlp.down_proj"
        weights[f"{name}.lora_A.weight"] = torch.full((1, MLP), 0.01)
        weights[f"{name}.lora_B.weight"] = torch.full((HIDDEN, 1), 0.01)
    folder.mkdir(parents=True)
    save_file(weights, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 1,
        "lora_alpha": 1,
        "target_modules": ["lm_head", "down_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder
