"""Writes a tiny base with random weights, of Phi-3 or another architecture, and a tokenizer of its own."""

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Phi3Config,
    PhiConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
)

END_OF_TEXT = "<|endoftext|>"
TURNS = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
SPARE = 61  # embeddings beyond the tokens
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


def write_base(folder: Path, texts: Iterable[str], architecture: type[PretrainedConfig] = Phi3Config) -> None:
    """Every layer size is a multiple of 64, as 4-bit inference on a CPU needs.

    One of Phi-2's architecture is like it in what it lacks, tokens for turns and a template, and in the
    embeddings that it has to spare.
    """
    bare = architecture is PhiConfig
    tokenizer = _tokenizer(texts, turns=[] if bare else TURNS, chat_template=None if bare else CHAT_TEMPLATE)
    torch.manual_seed(0)
    config = architecture(
        vocab_size=len(tokenizer) + (SPARE if bare else 0),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        **({"original_max_position_embeddings": 256} if architecture is Phi3Config else {}),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    AutoModelForCausalLM.from_config(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer(
    texts: Iterable[str], *, turns: list[str], chat_template: str | None
) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384,
        special_tokens=[END_OF_TEXT, *turns],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        additional_special_tokens=turns,
        chat_template=chat_template,
    )
