"""Scores checkpoints of a training in a process of its own, on a base of its own (torch).

`python -m services.training.scoring_process BASE REVISION QUANTISATION ATTENTION ROWS PREVIEWS` reads paths
of checkpoints from its input, one a line, and writes one JSON object for each: the mean loss a token of the
answers in the file ROWS, and what the adapter answers to the first PREVIEWS prompts. It ends when its input
does.

It is a process because scoring a 4-bit base on a CPU repacks its weights, which spoils training on them.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase

from services.adapters.digests import WEIGHTS_FILE
from services.domain.training import Quantisation
from services.language_model.loading import load_base, load_tokenizer
from services.language_model.machine import device
from services.training.adapter_weights import NAME
from services.training.dataset import IGNORED, TokenisedRow

_BATCH = 8
_PREVIEW_TOKENS = 48


def main() -> None:
    base_name, revision, quantisation, attention, rows_file, previews = sys.argv[1:]
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no reply
    rows = read_validation(Path(rows_file))
    tokenizer = load_tokenizer(base_name, revision=revision)
    model: PeftModel | None = None
    for line in sys.stdin:
        checkpoint = Path(line.strip())
        if model is None:
            base = load_base(
                base_name, revision=revision, attention=attention, quantisation=Quantisation(quantisation)
            )
            model = PeftModel.from_pretrained(base, checkpoint).eval()
        load_weights(model, checkpoint)
        with torch.inference_mode():
            reply = {
                "loss": mean_loss(model, rows),
                "previews": [_preview(model, tokenizer, row) for row in rows[: int(previews)]],
            }
        replies.write(json.dumps(reply) + "\n")


def read_validation(path: Path) -> list[TokenisedRow]:
    return [TokenisedRow(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def load_weights(model: PeftModel, checkpoint: Path) -> None:
    """Give the adapter the weights of the checkpoint, value by value.

    The library's own loading repacks a 4-bit base on a CPU, and scores would depend on those made before.
    """
    weights = load_file(checkpoint / WEIGHTS_FILE)
    for name, weight in model.named_parameters():
        if f".{NAME}." in name:
            weight.data.copy_(weights[name.replace(f".{NAME}.", ".")])


def mean_loss(model: PeftModel, rows: Sequence[TokenisedRow]) -> float:
    """Cross-entropy a token of the answers, the token that ends them included."""
    total, tokens = 0.0, 0
    for inputs, mask, labels in _batches(rows):
        logits = model(input_ids=inputs, attention_mask=mask, use_cache=False).logits[:, :-1]
        targets = labels[:, 1:]
        supervised = targets != IGNORED
        total += cross_entropy(logits[supervised].float(), targets[supervised], reduction="sum").item()
        tokens += int(supervised.sum())
    return total / tokens


def _batches(rows: Sequence[TokenisedRow]) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    for first in range(0, len(rows), _BATCH):
        batch = rows[first : first + _BATCH]
        inputs = [torch.tensor(row.input_ids) for row in batch]
        mask = [torch.ones(len(row.input_ids), dtype=torch.long) for row in batch]
        labels = [torch.tensor(row.labels) for row in batch]
        yield (
            pad_sequence(inputs, batch_first=True).to(device()),
            pad_sequence(mask, batch_first=True).to(device()),
            pad_sequence(labels, batch_first=True, padding_value=IGNORED).to(device()),
        )


def _preview(model: PeftModel, tokenizer: PreTrainedTokenizerBase, row: TokenisedRow) -> str:
    """The likeliest answer to the row's prompt, ended by the token that ends the row's own answer."""
    prompt = [token for token, label in zip(row.input_ids, row.labels, strict=True) if label == IGNORED]
    given = torch.tensor([prompt], device=device())
    written = model.generate(
        input_ids=given,
        attention_mask=torch.ones_like(given),
        max_new_tokens=_PREVIEW_TOKENS,
        do_sample=False,
        eos_token_id=row.labels[-1],
        pad_token_id=row.labels[-1],
    )
    return str(tokenizer.decode(written[0, len(prompt) :], skip_special_tokens=True)).strip()


if __name__ == "__main__":
    main()
