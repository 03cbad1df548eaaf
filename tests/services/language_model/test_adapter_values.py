"""An adapter on a model gets its weights, all of them and no others."""

import pytest
import torch
from peft import LoraConfig, PeftModel
from torch import nn

from services.errors.artifacts import WeightsOfOtherSize
from services.language_model.adapter_values import copy_weights

A = "base_model.model.0.lora_A.weight"
B = "base_model.model.0.lora_B.weight"


@pytest.fixture
def model():
    config = LoraConfig(r=2, target_modules=["0"])
    adapted = PeftModel(nn.Sequential(nn.Linear(4, 3)), config, adapter_name="one")
    adapted.add_adapter("two", config)
    return adapted


def test_an_adapter_gets_its_weights_and_the_others_and_the_base_keep_theirs(model):
    before = {name: weight.clone() for name, weight in model.named_parameters()}

    assert copy_weights(model, "one", {A: torch.ones(2, 4), B: torch.full((3, 2), 2.0)}) == set()

    changed = {name for name, weight in model.named_parameters() if not weight.equal(before[name])}
    assert changed == {A.replace(".weight", ".one.weight"), B.replace(".weight", ".one.weight")}
    assert model.get_parameter(A.replace(".weight", ".one.weight")).eq(1).all()


def test_what_only_one_side_has_is_named(model):
    assert copy_weights(model, "one", {A: torch.ones(2, 4), "another": torch.ones(1)}) == {B, "another"}


@pytest.mark.parametrize("shape", [(1, 4), (2, 8), (4, 2)])
def test_weights_of_another_size_are_no_weights_for_it(model, shape):
    with pytest.raises(WeightsOfOtherSize, match=A):
        copy_weights(model, "one", {A: torch.ones(shape), B: torch.ones(3, 2)})
