"""The log-probabilities of answers at less cost, for the preference trainers (torch).

TRL scores only the answers' positions on a GPU. Without one it projects every position, prompts and
padding included, and once more in the backward pass: two thirds of a step where the vocabulary is 4 096
tokens. Here a CPU does as the GPU does. And what the reference says of a row is asked once, before the first
step, instead of in every epoch.
"""

import logging
import time
from typing import cast

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedModel
from trl.trainer.utils import FusedCausalLMOutput

from services.language_model.machine import device
from services.training.batches import LENGTH, LengthBatches
from services.training.dataset import IGNORED
from services.training.plain_scores import has_plain_scores

logger = logging.getLogger(__name__)


def score_answers_only(model: PreTrainedModel) -> None:
    """Put a head in the place of TRL's, with the same outputs, that projects the labelled positions alone.

    For a base with plain scores.
    """
    with_theirs = model.forward

    def forward(*, fused_lm_head: bool = False, **inputs: object) -> object:
        if not fused_lm_head:
            return with_theirs(**inputs)
        labels = cast("Tensor", inputs.pop("labels"))[:, 1:]
        hidden = model.base_model(**{**inputs, "use_cache": False}).last_hidden_state[:, :-1]
        answered = labels != IGNORED
        logits = model.get_output_embeddings()(hidden[answered]).float()
        return _output(logits, labels[answered], answered)

    model.forward = forward


def _output(logits: Tensor, targets: Tensor, answered: Tensor) -> FusedCausalLMOutput:
    """`logits` (tokens, vocabulary) and `targets` (tokens) belong to the places where `answered` (rows,
    positions) is true; every output has the shape of `answered` and nought elsewhere."""

    def in_place(values: Tensor) -> Tensor:
        return values.new_zeros(answered.shape).masked_scatter(answered, values)

    log_probs = logits.log_softmax(-1)
    told = log_probs.detach()
    return FusedCausalLMOutput(
        log_probs=in_place(log_probs.gather(-1, targets.unsqueeze(-1)).squeeze(-1)),
        entropy=in_place(-(told.exp() * told).sum(-1)),
        mean_logits=in_place(logits.detach().mean(-1)),
        is_top1=in_place(told.argmax(-1) == targets),
    )


class ReferenceOnce(LengthBatches):
    """Stands before TRL's DPO or KTO trainer: it scores its rows under the reference when training begins.

    That is inside `train`, where a want of memory is met, and after the reference was checked. The model is
    in training mode: in evaluation mode a forward would repack 4-bit weights on a CPU.
    """

    reference_columns: tuple[str, ...]
    train_dataset: Dataset
    precompute_ref_logps: bool

    def __init__(self, **keywords: object) -> None:
        super().__init__(**keywords)
        if device().type == "cpu" and has_plain_scores(self.model.config):
            score_answers_only(self.model.get_base_model())

    def get_train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        if not self.precompute_ref_logps:
            began = time.monotonic()
            scores = self._reference_scores()
            for number, name in enumerate(self.reference_columns):
                self.train_dataset = self.train_dataset.add_column(name, scores[:, number].tolist())
            self.precompute_ref_logps = True
            logger.info("%d rows scored under the reference in %.1f s", len(scores), time.monotonic() - began)
        loader: DataLoader[dict[str, Tensor]] = super().get_train_dataloader()
        return loader

    def _reference_scores(self) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """(rows, columns), scored in batches of similar length."""
        self.model.train()
        order = np.argsort(self.train_dataset[LENGTH], kind="stable")
        scores = np.zeros((len(order), len(self.reference_columns)), np.float32)
        size = self.args.per_device_train_batch_size
        with torch.no_grad():
            for first in range(0, len(order), size):
                rows = order[first : first + size]
                batch = self.data_collator([self.train_dataset[int(row)] for row in rows])
                scored = self.compute_ref_log_probs(self.model, self._prepare_inputs(batch))
                scores[rows] = torch.stack(scored, dim=1).float().cpu().numpy()
        return scores
