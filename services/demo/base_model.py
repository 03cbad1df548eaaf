"""(torch) Makes the embedded base: a small language model of Phi-3 architecture that knows the demo bank.

    OMP_NUM_THREADS=1 python -m services.demo.base_model --out base_model

With one thread the same machine and packages give the same bytes again; it takes 20 minutes on one core.
It learns in stages, each with fresh text and a learning rate that rises and falls anew.
Writes a folder that transformers loads as it is, and FIGURES.json with what the model reached. The text
it learns from is `corpus`, the loop is `base_training`, the measuring is `base_figures`.
"""

import argparse
import itertools
import json
import logging
import time
from dataclasses import asdict
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, Phi3Config, Phi3ForCausalLM, PreTrainedTokenizerFast

from services.demo.base_figures import measure
from services.demo.base_training import Schedule, train
from services.demo.corpus import lessons

logger = logging.getLogger(__name__)

VOCABULARY = 4096
CONTEXT_LENGTH = 2048
END_OF_TEXT, END = "<|endoftext|>", "<|end|>"
SPECIAL_TOKENS = (END_OF_TEXT, "<|system|>", "<|user|>", "<|assistant|>", END)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
TOKENIZER_LESSONS = 20_000
FIGURES = "FIGURES.json"
STAGES = (
    Schedule(steps=1400, learning_rate=4e-3, warmup_steps=200, seed=20),
    Schedule(steps=700, learning_rate=2.5e-3, warmup_steps=40, seed=21),
    Schedule(steps=800, learning_rate=2.5e-3, warmup_steps=40, seed=22),
)


def make(out: Path) -> None:
    """Train from nothing through every stage; save in bfloat16 and measure what was saved."""
    torch.manual_seed(STAGES[0].seed)
    tokenizer = make_tokenizer(STAGES[0].seed)
    model = make_model(tokenizer)
    logger.info("%d parameters, %d tokens in the vocabulary", model.num_parameters(), len(tokenizer))
    made = []
    for schedule in STAGES:
        started = time.monotonic()
        loss = train(model, tokenizer, schedule)
        made.append(
            {
                **asdict(schedule),
                "training_loss": round(loss, 4),
                "seconds": round(time.monotonic() - started),
            }
        )
    save(model, tokenizer, out)
    figures = {"parameters": model.num_parameters(), "made": made, **measure(out)}
    (out / FIGURES).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer (any text can be written with it) with Phi-3's chat tokens and template."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_texts(seed), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        additional_special_tokens=list(SPECIAL_TOKENS[1:]),
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT_LENGTH,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> Phi3ForCausalLM:
    """Random weights. Every layer size is a multiple of 64, as bitsandbytes' 4-bit inference on CPU needs."""
    config = Phi3Config(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=3,
        num_attention_heads=3,
        num_key_value_heads=3,
        max_position_embeddings=CONTEXT_LENGTH,
        original_max_position_embeddings=CONTEXT_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    return Phi3ForCausalLM(config)


def save(model: Phi3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write the folder; either end token stops generation, as in Phi-3."""
    stops = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(END)]
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=stops, pad_token_id=tokenizer.pad_token_id
    )
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)


def _texts(seed: int) -> list[str]:
    some = itertools.islice(lessons(seed), TOKENIZER_LESSONS)
    return [
        text for lesson in some for text in (*(turn["content"] for turn in lesson.messages), lesson.answer)
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the embedded base model.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    make(arguments.out)


if __name__ == "__main__":
    main()
