"""TRL's SFTTrainer with the same loss at less cost on a CPU (torch).

TRL projects only supervised positions through the LM head on a GPU, but every position, prompts and
padding included, on a CPU, where that took up to half of a step. Here a CPU does as the GPU does.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from trl import SFTTrainer

from services.training.batches import LengthBatches
from services.training.dataset import IGNORED


class AnswerLossTrainer(LengthBatches, SFTTrainer):  # type: ignore[misc]
    """For a base with plain scores."""

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002, FBT001, FBT002 - the library's signature
        num_items_in_batch: Tensor | None = None,
    ) -> Tensor:
        """Mean cross-entropy over the answers' tokens of the whole optimiser step."""
        causal_lm = self.accelerator.unwrap_model(model).get_base_model()
        targets = inputs["labels"][:, 1:]
        supervised = targets != IGNORED
        with self.accelerator.autocast():
            hidden = causal_lm.base_model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
            ).last_hidden_state[:, :-1]
            logits = causal_lm.get_output_embeddings()(hidden[supervised])
        total = cross_entropy(logits.float(), targets[supervised], reduction="sum")
        return total / (supervised.sum() if num_items_in_batch is None else num_items_in_batch)
