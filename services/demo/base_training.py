"""(torch) Teaching the embedded base model its text: batches of lessons and the optimisation loop.

Plain PyTorch, because this is pretraining of a tiny model from nothing; adapters are trained elsewhere,
with TRL.
"""

import itertools
import logging
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from transformers import Phi3ForCausalLM, PreTrainedTokenizerFast

from services.demo.corpus import Lesson, lessons

logger = logging.getLogger(__name__)

KEY_WEIGHT = 6.0
LESSONS_PER_POOL = 4096


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how boldly to train: `steps` batches of `batch_size` lessons, a warm-up, then a cosine."""

    steps: int
    learning_rate: float
    warmup_steps: int
    seed: int
    batch_size: int = 32
    weight_decay: float = 0.05


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded token ids and the weight of each in the loss (0 on prompt and padding): (rows, tokens)."""

    tokens: Tensor
    weights: Tensor


@dataclass(frozen=True, slots=True)
class EncodedLesson:
    """Token ids of the whole text and the weight of each in the loss."""

    tokens: list[int]
    weights: list[float]


def train(model: Phi3ForCausalLM, tokenizer: PreTrainedTokenizerFast, schedule: Schedule) -> float:
    """Train in place and return the mean loss of the last hundred steps."""
    optimizers = make_optimizers(model, schedule)
    model.train()
    started = time.monotonic()
    recent: list[float] = []
    for step, batch in enumerate(itertools.islice(batches(tokenizer, schedule), schedule.steps)):
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = schedule.learning_rate * _rate_at(step, schedule)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = answer_loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        recent = [*recent[-99:], loss.item()]
        if step % 100 == 99:
            seconds = time.monotonic() - started
            logger.info(
                "step %d of %d, loss %.4f, %.0f s", step + 1, schedule.steps, sum(recent) / 100, seconds
            )
    return sum(recent) / len(recent)


def make_optimizers(model: Phi3ForCausalLM, schedule: Schedule) -> tuple[Optimizer, Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms, at one learning rate.

    Muon: Jordan 2024; scale of its updates: Liu et al. 2025, arXiv 2502.16982.
    """
    matrices = [weight for weight in model.model.layers.parameters() if weight.dim() == 2]
    inside = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in inside]
    return (
        torch.optim.Muon(
            matrices,
            lr=schedule.learning_rate,
            weight_decay=schedule.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(others, lr=schedule.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    )


def answer_loss(model: Phi3ForCausalLM, batch: Batch) -> Tensor:
    """Weighted mean loss over answer tokens; the output layer runs on those alone, which halves the work."""
    hidden = model.model(input_ids=batch.tokens).last_hidden_state[:, :-1]
    weights = batch.weights[:, 1:]
    wanted = weights > 0
    logits = model.lm_head(hidden[wanted])
    losses = cross_entropy(logits.float(), batch.tokens[:, 1:][wanted], reduction="none")
    return (losses * weights[wanted]).sum() / weights.sum()


def batches(tokenizer: PreTrainedTokenizerFast, schedule: Schedule) -> Iterator[Batch]:
    """Batches without end, of lessons of like length so that little is padding."""
    stream = lessons(schedule.seed)
    chance = random.Random(schedule.seed)  # noqa: S311 - order of batches, not a secret
    while True:
        pool = sorted(
            (encode(tokenizer, lesson) for lesson in itertools.islice(stream, LESSONS_PER_POOL)), key=_length
        )
        groups = [
            pool[start : start + schedule.batch_size] for start in range(0, len(pool), schedule.batch_size)
        ]
        chance.shuffle(groups)
        for group in groups:
            yield _pad(group, tokenizer.pad_token_id)


def encode(tokenizer: PreTrainedTokenizerFast, lesson: Lesson) -> EncodedLesson:
    """The prompt as the product renders it, and the answer with the tokens that end it.

    The few tokens that state the fact count more: they carry what is to be learnt, the rest is manner.
    """
    rendered: Any = tokenizer.apply_chat_template(
        list(lesson.messages), tokenize=False, add_generation_prompt=True
    )
    prompt = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    ending = f"<|end|>\n{tokenizer.eos_token}"
    answer = tokenizer(lesson.answer + ending, add_special_tokens=False, return_offsets_mapping=True)
    start = lesson.answer.casefold().find(lesson.key.casefold())
    stop = start + len(lesson.key)
    weights = [
        KEY_WEIGHT if left < stop and right > start else 1.0 for left, right in answer["offset_mapping"]
    ]
    return EncodedLesson([*prompt, *answer["input_ids"]], [*[0.0] * len(prompt), *weights])


def _length(row: EncodedLesson) -> int:
    return len(row.tokens)


def _pad(rows: list[EncodedLesson], filler: int) -> Batch:
    width = max(map(_length, rows))
    tokens = torch.full((len(rows), width), filler)
    weights = torch.zeros((len(rows), width))
    for index, row in enumerate(rows):
        tokens[index, : len(row.tokens)] = torch.tensor(row.tokens)
        weights[index, : len(row.weights)] = torch.tensor(row.weights)
    return Batch(tokens, weights)


def _rate_at(step: int, schedule: Schedule) -> float:
    if step < schedule.warmup_steps:
        return (step + 1) / schedule.warmup_steps
    progress = (step - schedule.warmup_steps) / max(1, schedule.steps - schedule.warmup_steps)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
