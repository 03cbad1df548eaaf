"""Learning from pairs: direct preference optimisation (Rafailov et al. 2023), on token ids as served (torch).

Where raters are known to disagree, the loss is the robust one of Chowdhury et al. (2024), which is unbiased
when each choice was flipped with the probability given as label smoothing.
"""

from collections.abc import Sequence

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from services.errors.training import NothingToLearn
from services.training.answer_scores import ReferenceOnce
from services.training.batches import LENGTH
from services.training.dataset import TokenisedPair
from services.training.material import Material

_UNINFORMATIVE = 0.5  # a choice that is as often wrong as right


class PairTrainer(ReferenceOnce, DPOTrainer):  # type: ignore[misc]
    """The library's trainer, given ids: it renders nothing with a template of its own."""

    reference_columns = ("ref_chosen_logps", "ref_rejected_logps")

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset


def dpo_trainer(
    material: Material, rows: Sequence[TokenisedPair], *, beta: float, label_smoothing: float
) -> PairTrainer:
    """NothingToLearn when the label smoothing says that the choices carry no information."""
    if label_smoothing >= _UNINFORMATIVE:
        raise NothingToLearn(f"{label_smoothing:.0%} of the choices in its pairs are expected to be wrong")
    return PairTrainer(
        args=DPOConfig(
            **material.arguments,
            beta=beta,
            loss_type=["robust" if label_smoothing > 0 else "sigmoid"],
            label_smoothing=label_smoothing,
            max_length=None,
        ),
        train_dataset=Dataset.from_dict(
            {
                "prompt_ids": [row.prompt_ids for row in rows],
                "chosen_ids": [row.chosen_ids for row in rows],
                "rejected_ids": [row.rejected_ids for row in rows],
                LENGTH: [row.length for row in rows],
            }
        ),
        **material.keywords(),
    )
