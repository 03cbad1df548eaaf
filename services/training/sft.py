"""Learning from demonstrations: the loss of the answers' tokens (torch)."""

from collections.abc import Sequence

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from services.language_model.machine import device
from services.training.answer_loss import AnswerLossTrainer
from services.training.batches import LENGTH, LengthBatches
from services.training.dataset import TokenisedRow
from services.training.material import Material
from services.training.plain_scores import has_plain_scores


class DemonstrationTrainer(LengthBatches, SFTTrainer):  # type: ignore[misc]
    """The library's trainer, given ids."""


def sft_trainer(material: Material, rows: Sequence[TokenisedRow]) -> SFTTrainer:
    cheaper = device().type != "cuda" and has_plain_scores(material.model.config)
    trainer_class = AnswerLossTrainer if cheaper else DemonstrationTrainer
    return trainer_class(
        args=SFTConfig(
            **material.arguments,
            max_length=None,  # rows that are too long were refused; nothing is cut
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=Dataset.from_dict(
            {
                "input_ids": [row.input_ids for row in rows],
                "labels": [row.labels for row in rows],
                LENGTH: [row.length for row in rows],
            }
        ),
        **material.keywords(),
    )
