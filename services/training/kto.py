"""Learning from unpaired examples: KTO (Ethayarajh et al. 2024), on token ids as served (torch)."""

from collections.abc import Sequence

import numpy as np
from datasets import Dataset
from trl import KTOConfig, KTOTrainer

from services.domain.training import PreferenceRecipe
from services.errors.training import OneClassOnly
from services.training.answer_scores import ReferenceOnce
from services.training.batches import LENGTH
from services.training.class_weights import class_weights
from services.training.dataset import TokenisedJudgement
from services.training.material import Material


class JudgementTrainer(ReferenceOnce, KTOTrainer):  # type: ignore[misc]
    """The library's trainer, given ids and mismatched answers: it renders and pairs nothing itself."""

    reference_columns = ("ref_logps", "ref_KL_logps")

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset


def kto_trainer(
    material: Material, rows: Sequence[TokenisedJudgement], *, preference: PreferenceRecipe, longest: int
) -> JudgementTrainer:
    """OneClassOnly unless there are answers of both kinds.

    `longest` bounds, in tokens, a prompt with another prompt's answer; rows themselves are never cut.

    Each row's mismatched answer, by which the distance from the reference is estimated, is that of the row
    before it once they are shuffled.
    """
    order = np.random.default_rng(material.arguments["seed"]).permutation(len(rows))
    shuffled = [rows[index] for index in order]
    desirable = sum(row.label for row in rows)
    undesirable = len(rows) - desirable
    if not desirable or not undesirable:  # the other class went with the rows that were too long
        raise OneClassOnly(desirable=desirable, undesirable=undesirable)
    weights = class_weights(desirable=desirable, undesirable=undesirable, ratio=preference.desirable_ratio)
    answers = [row.completion_ids for row in shuffled]
    return JudgementTrainer(
        args=KTOConfig(
            **material.arguments,
            beta=preference.beta,
            desirable_weight=weights.desirable,
            undesirable_weight=weights.undesirable,
            max_length=longest,
        ),
        train_dataset=Dataset.from_dict(
            {
                "prompt_ids": [row.prompt_ids for row in shuffled],
                "completion_ids": answers,
                "KL_completion_ids": [answers[-1], *answers[:-1]],
                "label": [row.label for row in shuffled],
                LENGTH: [row.length for row in shuffled],
            }
        ),
        **material.keywords(),
    )
