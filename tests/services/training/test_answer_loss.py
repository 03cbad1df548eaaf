"""The cheaper loss is TRL's loss: same value, same gradients."""

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

from services.domain.training import Quantisation
from services.language_model.loading import load_base, load_tokenizer
from services.training.answer_loss import AnswerLossTrainer
from services.training.batches import LENGTH
from services.training.dataset import tokenise_demonstration
from services.training.rows import DemonstrationLine, read_lines

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trainer(base, rows_file, tmp_path_factory):
    tokenizer = load_tokenizer(str(base), revision="main")
    rows = [
        tokenise_demonstration(line, tokenizer, chat_template="")
        for line in read_lines(rows_file)
        if isinstance(line, DemonstrationLine)
    ]
    return AnswerLossTrainer(
        model=load_base(str(base), revision="main", attention="eager", quantisation=Quantisation.NF4),
        args=SFTConfig(
            output_dir=str(tmp_path_factory.mktemp("trainer")),
            per_device_train_batch_size=4,
            activation_checkpointing=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            report_to="none",
            use_cpu=True,
        ),
        train_dataset=Dataset.from_dict(
            {
                "input_ids": [row.input_ids for row in rows],
                "labels": [row.labels for row in rows],
                LENGTH: [row.length for row in rows],
            }
        ),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
        ),
    )


def loss_and_gradients(trainer, compute_loss, **kwargs):
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.zero_grad()
    loss = compute_loss(trainer, trainer.model.train(), batch, **kwargs)
    loss.backward()
    gradients = [
        weight.grad.flatten().float() for weight in trainer.model.parameters() if weight.requires_grad
    ]
    return loss.item(), torch.cat(gradients)


@pytest.mark.parametrize("items", [None, 100])
def test_loss_and_gradients_are_those_of_the_library(trainer, items):
    torch.manual_seed(0)
    ours, our_gradients = loss_and_gradients(
        trainer, AnswerLossTrainer.compute_loss, num_items_in_batch=items
    )
    torch.manual_seed(0)
    theirs, their_gradients = loss_and_gradients(trainer, SFTTrainer.compute_loss, num_items_in_batch=items)

    assert ours == pytest.approx(theirs, rel=1e-2)
    assert torch.cosine_similarity(our_gradients, their_gradients, dim=0) > 0.99
    assert our_gradients.norm() == pytest.approx(their_gradients.norm().item(), rel=0.02)
