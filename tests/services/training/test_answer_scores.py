"""Cheaper preference losses are TRL's: same value, same gradients, and the same word of the reference."""

import pytest
import torch
from trl.trainer.utils import add_fused_lm_head

from services.domain.training import Objective
from services.language_model.loading import load_base, load_tokenizer
from services.training.adapter_weights import lora_config
from services.training.dataset import tokenise_judgement, tokenise_pair
from services.training.dpo import dpo_trainer
from services.training.footing import first_footing
from services.training.kto import kto_trainer
from services.training.material import Material, shared_arguments
from services.training.rows import PairLine, UnpairedLine, read_lines

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[Objective.DPO, Objective.KTO])
def objective(request) -> Objective:
    return request.param


@pytest.fixture(scope="module")
def trainer(objective, base, recipe, rows_file, tmp_path_factory):
    """Made, with an adapter that says something else than its reference, and not yet scored by that."""
    wanted = recipe("lora.dropout=0")
    tokenizer = load_tokenizer(str(base), revision="main")
    footing = first_footing(wanted, objective, longest=256)
    material = Material(
        model=load_base(
            str(base), revision="main", attention="eager", quantisation=wanted.model.quantisation
        ),
        fresh=lora_config(wanted.lora),
        tokenizer=tokenizer,
        arguments=shared_arguments(wanted, objective, footing, folder=tmp_path_factory.mktemp("trainer")),
        callbacks=(),
    )
    lines = list(read_lines(rows_file))
    if objective is Objective.DPO:
        pairs = [
            tokenise_pair(line, tokenizer, chat_template="") for line in lines if isinstance(line, PairLine)
        ]
        made = dpo_trainer(material, pairs, beta=0.1, label_smoothing=0.0)
    else:
        judged = [
            tokenise_judgement(line, tokenizer, chat_template="")
            for line in lines
            if isinstance(line, UnpairedLine)
        ]
        made = kto_trainer(material, judged, preference=wanted.preference, longest=256)
    torch.manual_seed(0)
    for name, weight in made.model.named_parameters():
        if ".lora_" in name:
            weight.data = torch.randn_like(weight, dtype=torch.float32) * 0.05
    return made


def loss_and_gradients(trainer) -> tuple[float, torch.Tensor]:
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.zero_grad()
    with trainer.accelerator.autocast():
        loss = trainer.compute_loss(trainer.model.train(), batch)
    loss.backward()
    weights = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    return loss.item(), torch.cat([weight.grad.flatten().float() for weight in weights])


def test_loss_and_gradients_are_those_of_the_library(trainer, monkeypatch):
    loss, gradients = loss_and_gradients(trainer)
    causal_lm = trainer.model.get_base_model()
    monkeypatch.setattr(causal_lm, "forward", causal_lm.forward)  # put back at the end
    add_fused_lm_head(causal_lm, outputs=("log_probs", "entropy", "mean_logits", "is_top1"))
    their_loss, their_gradients = loss_and_gradients(trainer)

    assert loss == pytest.approx(their_loss, rel=1e-2)
    assert torch.cosine_similarity(gradients, their_gradients, dim=0) > 0.99
    assert gradients.norm() == pytest.approx(their_gradients.norm().item(), rel=0.02)


def test_the_reference_says_once_what_it_would_say_at_every_step(trainer):
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        asked_again = trainer.compute_ref_log_probs(trainer.model.train(), batch)

    assert trainer.precompute_ref_logps
    for name, again in zip(trainer.reference_columns, asked_again, strict=True):
        assert batch[name].abs().min() > 1
        assert torch.allclose(batch[name], again, rtol=0.01)
