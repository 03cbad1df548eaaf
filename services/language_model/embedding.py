"""Embeddings of texts by a sentence encoder, from a folder or by hub name (torch).

The mean of the last layer over a text's tokens, scaled to length 1, as the sentence-transformers models are
made to be read (Reimers and Gurevych 2019, arXiv 1908.10084).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

_MOST_TOKENS = 256  # what the common small encoders were trained on
_BATCH = 32


def load_encoder(name: str) -> Callable[[Sequence[str]], NDArray[np.float64]]:
    """A function from texts to embeddings (texts, dimensions); safetensors only. It runs on the CPU."""
    tokenizer = AutoTokenizer.from_pretrained(name)
    model = AutoModel.from_pretrained(name, use_safetensors=True, dtype=torch.float32).eval()

    def embed(texts: Sequence[str]) -> NDArray[np.float64]:
        parts = [
            _embed(tokenizer, model, texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float64)

    return embed


@torch.inference_mode()
def _embed(tokenizer: AutoTokenizer, model: AutoModel, texts: Sequence[str]) -> NDArray[np.float32]:
    read = tokenizer(list(texts), padding=True, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
    states = model(**read).last_hidden_state
    mask = read["attention_mask"].unsqueeze(-1)
    means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
    return np.asarray(torch.nn.functional.normalize(means, dim=1).numpy())
