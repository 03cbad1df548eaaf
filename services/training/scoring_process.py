"""Scores checkpoints of a training in a process of its own, on a base of its own (torch).

`python -m services.training.scoring_process TASK` reads paths of checkpoints from its input, one a line, and
writes one JSON object for each: the validation loss of the rows in the file TASK, and what the adapter
answers to some of their prompts. It ends when its input does.

It is a process because scoring a 4-bit base on a CPU repacks its weights, which spoils training on them.
"""

import json
import os
import sys
from pathlib import Path
from typing import cast

import torch

# Before PEFT, which imports bitsandbytes: it knows what of that need not be heard.
from services.language_model.loading import load_base, load_tokenizer

# isort: split
from peft import PeftModel
from safetensors.torch import load_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from services.adapters.digests import WEIGHTS_FILE
from services.domain.training import Objective
from services.errors.training import CheckpointIncomplete
from services.language_model.adapter_values import copy_weights
from services.language_model.machine import device, usable_quantisation
from services.training.adapter_weights import NAME
from services.training.dataset import Tokenised, TokenisedRow
from services.training.scoring_task import ScoringTask, read_task
from services.training.validation_losses import answer_loss, answer_sums, preference_loss

_PREVIEW_TOKENS = 48


class Scorer:
    """A base with the adapter of `checkpoint` on it, whose weights others replace."""

    def __init__(self, task: ScoringTask, checkpoint: Path) -> None:
        self._task = task
        self._tokenizer = load_tokenizer(
            task.model.name, revision=task.model.revision, new_tokens=task.model.new_tokens
        )
        self._model = PeftModel.from_pretrained(_base(task), checkpoint).eval()
        self._reference = None if task.objective is Objective.SFT else self._sums_at_start()

    def loss(self, checkpoint: Path) -> float:
        load_weights(self._model, checkpoint)
        if self._reference is None:
            return answer_loss(self._model, cast("tuple[TokenisedRow, ...]", self._task.rows))
        return preference_loss(self._task, answer_sums(self._model, self._task) - self._reference)

    def previews(self) -> list[str]:
        """Of the checkpoint that was scored last."""
        rows = self._task.rows
        return [_preview(self._model, self._tokenizer, rows[place]) for place in self._task.previews]

    def _sums_at_start(self) -> torch.Tensor:
        if self._task.start is None:
            with self._model.disable_adapter():
                return answer_sums(self._model, self._task)
        load_weights(self._model, self._task.start)
        return answer_sums(self._model, self._task)


def main() -> None:
    task = read_task(Path(sys.argv[1]))
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no reply
    scorer: Scorer | None = None
    for line in sys.stdin:
        checkpoint = Path(line.strip())
        with torch.inference_mode():
            scorer = scorer or Scorer(task, checkpoint)
            reply = {"loss": scorer.loss(checkpoint), "previews": scorer.previews()}
        replies.write(json.dumps(reply) + "\n")


def load_weights(model: PeftModel, checkpoint: Path) -> None:
    """Give the adapter the weights of the checkpoint; CheckpointIncomplete when any is left over."""
    unmatched = copy_weights(model, NAME, load_file(checkpoint / WEIGHTS_FILE))
    if unmatched:
        raise CheckpointIncomplete(str(checkpoint), tuple(sorted(unmatched)))


def _base(task: ScoringTask) -> PreTrainedModel:
    model = task.model
    return load_base(
        model.name,
        revision=model.revision,
        attention=model.attention,
        quantisation=usable_quantisation(model.quantisation),
        cache=task.cache,
    )


def _preview(model: PeftModel, tokenizer: PreTrainedTokenizerBase, row: Tokenised) -> str:
    """The likeliest answer to the row's prompt, ended by the token that ends the row's own answer."""
    given = torch.tensor([row.prompt_ids], device=device())
    written = model.generate(
        input_ids=given,
        attention_mask=torch.ones_like(given),
        max_new_tokens=_PREVIEW_TOKENS,
        do_sample=False,
        eos_token_id=row.end_id,
        pad_token_id=row.end_id,
    )
    return str(tokenizer.decode(written[0, given.shape[1] :], skip_special_tokens=True)).strip()


if __name__ == "__main__":
    main()
