"""Bases that scale or cap their scores, or have experts, learn on the scores that they serve with."""

from functools import partial

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    FalconH1Config,
    Gemma2Config,
    GraniteConfig,
    LlamaConfig,
    MixtralConfig,
    Phi3Config,
)

from services.domain.training import Objective
from services.language_model.loading import load_tokenizer
from services.training.adapter_weights import lora_config
from services.training.dataset import TokenisedPair, TokenisedRow
from services.training.dpo import dpo_trainer
from services.training.footing import first_footing
from services.training.material import Material, shared_arguments
from services.training.plain_scores import has_plain_scores
from services.training.sft import sft_trainer
from tests.services.training.tiny_base import write_base

pytestmark = pytest.mark.slow

PROMPT, ANSWER, OTHER = [21, 33, 45, 57], [68, 79, 90], [91, 80, 69]


@pytest.mark.parametrize(
    ("config", "plain"),
    [
        (Phi3Config, True),
        (LlamaConfig, True),
        (Gemma2Config, False),
        (partial(Gemma2Config, final_logit_softcapping=None), True),
        (GraniteConfig, False),
        (CohereConfig, False),
        (FalconH1Config, False),
        (MixtralConfig, False),
    ],
)
def test_who_does_more_with_its_scores_is_known(config, plain):
    assert has_plain_scores(config()) is plain


@pytest.fixture(
    scope="module",
    params=[
        partial(GraniteConfig, logits_scaling=8.0),
        partial(Gemma2Config, final_logit_softcapping=1.0, head_dim=32),
    ],
)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scaled")
    write_base(folder, ["light bends in water"], request.param)
    return folder


@pytest.fixture
def material(folder, recipe, tmp_path):
    def make(objective: Objective) -> Material:
        wanted = recipe("lora.dropout=0")
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
        model.get_output_embeddings().weight.data *= 50  # scores far apart: what is done with them counts
        footing = first_footing(wanted, objective, longest=256)
        return Material(
            model=model,
            fresh=lora_config(wanted.lora),
            tokenizer=load_tokenizer(str(folder), revision="main"),
            arguments=shared_arguments(wanted, objective, footing, folder=tmp_path),
            callbacks=(),
        )

    return make


def answer_log_probs(trainer, prompt: list[int], answer: list[int]) -> torch.Tensor:
    """Of each token of the answer, by the scores that the base serves with."""
    ids = torch.tensor([prompt + answer])
    with torch.no_grad():
        scores = trainer.model.get_base_model()(input_ids=ids).logits.float().log_softmax(-1)
    return scores[0, len(prompt) - 1 : -1].gather(-1, torch.tensor(answer).unsqueeze(-1))


def test_the_loss_of_demonstrations_is_that_of_the_scores_it_serves_with(material):
    row = TokenisedRow(PROMPT + ANSWER, [-100] * len(PROMPT) + ANSWER)
    trainer = sft_trainer(material(Objective.SFT), [row])
    batch = trainer.data_collator([trainer.train_dataset[0]])

    loss = trainer.compute_loss(trainer.model, batch)

    wanted = -answer_log_probs(trainer, PROMPT, ANSWER).mean().item()
    assert loss.item() == pytest.approx(wanted, rel=0.02)


def test_the_reference_scores_pairs_as_it_serves(material):
    pair = TokenisedPair(PROMPT, ANSWER, OTHER)
    trainer = dpo_trainer(material(Objective.DPO), [pair], beta=0.1, label_smoothing=0.0)

    trainer.get_train_dataloader()

    [scored] = trainer.train_dataset
    for column, answer in (("ref_chosen_logps", ANSWER), ("ref_rejected_logps", OTHER)):
        wanted = answer_log_probs(trainer, PROMPT, answer).sum().item()
        assert scored[column] == pytest.approx(wanted, rel=0.02)
