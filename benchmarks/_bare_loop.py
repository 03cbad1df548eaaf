"""What our trainer does, without a trainer: the same model, batches, loss and optimiser in a loop (torch)."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import get_cosine_schedule_with_warmup, set_seed

from services.domain.training import Recipe
from services.language_model.loading import load_base
from services.training.adapter_weights import lora_config, set_in_fp32
from services.training.batches import SimilarLengths
from services.training.dataset import IGNORED, TokenisedRow


def run_loop(rows: Sequence[TokenisedRow], recipe: Recipe, out: Path) -> float:
    """Seconds that the recipe's epochs took, on a CPU and without accumulation; the adapter is in `out`."""
    training = recipe.training
    set_seed(training.seed)
    base = load_base(
        recipe.model.name,
        revision=recipe.model.revision,
        attention=recipe.model.attention,
        quantisation=recipe.model.quantisation,
    )
    model = get_peft_model(base, lora_config(recipe.lora)).train()
    set_in_fp32(model, {})
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=training.learning_rate, weight_decay=training.weight_decay)
    order = SimilarLengths([row.length for row in rows], batch_size=training.batch_size, seed=training.seed)
    steps = -(-len(rows) // training.batch_size) * int(training.epochs)
    schedule = get_cosine_schedule_with_warmup(optimizer, math.ceil(training.warmup_ratio * steps), steps)
    began = time.monotonic()
    for epoch in range(int(training.epochs)):
        order.set_epoch(epoch)
        numbers = list(order)
        for first in range(0, len(numbers), training.batch_size):
            batch = [rows[number] for number in numbers[first : first + training.batch_size]]
            torch.autograd.backward(_loss(model, batch))
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    took = time.monotonic() - began
    model.save_pretrained(out)
    return took


def _loss(model: PeftModel, batch: Sequence[TokenisedRow]) -> torch.Tensor:
    causal_lm = model.get_base_model()
    ids = pad_sequence([torch.tensor(row.input_ids) for row in batch], batch_first=True)
    mask = pad_sequence([torch.ones(row.length, dtype=torch.long) for row in batch], batch_first=True)
    labels = pad_sequence(
        [torch.tensor(row.labels) for row in batch], batch_first=True, padding_value=IGNORED
    )
    targets = labels[:, 1:]
    answered = targets != IGNORED
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = causal_lm.base_model(input_ids=ids, attention_mask=mask, use_cache=False)
        logits = causal_lm.get_output_embeddings()(hidden.last_hidden_state[:, :-1][answered])
    return cross_entropy(logits.float(), targets[answered])
