"""Memory by part before anything is loaded, and the sentence with the numbers when it cannot fit."""

import re
from dataclasses import replace

import pytest
import torch
from transformers import Phi3Config

from services.domain.progress import MemoryExpected
from services.domain.training import Objective, Quantisation
from services.errors.artifacts import BaseModelMissing
from services.errors.training import MemoryTooSmall
from services.language_model.loading import load_base
from services.training.dataset import TokenisedPair, TokenisedRow
from services.training.memory import available_memory, estimate_memory, refuse_what_cannot_fit
from services.training.qlora import QloraTrainer
from services.training.recipe import compose_recipe
from services.training.seats import Seats
from services.training.stages import Stage
from tests.services.training.running import train

pytestmark = pytest.mark.slow  # imports torch

SFT = Stage(1, Objective.SFT, [TokenisedRow([1] * 40, [1] * 40)])
DPO = Stage(2, Objective.DPO, [TokenisedPair([1] * 20, [1] * 20, [1] * 20)])


@pytest.fixture(scope="module")
def phi3_mini(tmp_path_factory):
    """The configuration of Phi-3-mini-4k, as the library knows it by heart; no weights."""
    folder = tmp_path_factory.mktemp("phi3") / "Phi-3-mini-4k-instruct"
    Phi3Config(architectures=["Phi3ForCausalLM"]).save_pretrained(folder)
    return compose_recipe(
        "default", ["training.max_length=512"], base_model=str(folder), base_revision="main"
    )


def test_the_parts_of_phi3_mini_are_those_one_can_count(phi3_mini):
    parts = estimate_memory(phi3_mini, [SFT]).parts

    linear = 32 * (3072 * 9216 + 3072 * 3072 + 3072 * 16384 + 8192 * 3072)
    assert parts["base, linear layers in 4 bits"] == pytest.approx(linear / 2, rel=0.04)
    assert parts["base, embeddings and norms in bf16"] == pytest.approx(2 * 2 * 32064 * 3072, rel=0.01)
    assert parts["adapter in fp32"] == pytest.approx(100.7e6, rel=0.01)  # all-linear at r 16
    assert parts["optimiser"] == parts["adapter in fp32"] // 2  # two moments of 8 bits
    assert parts["reference adapter in fp32"] == 0


def test_a_stage_after_another_has_a_reference_beside_it_and_a_pair_is_two_sequences(phi3_mini):
    one, both = estimate_memory(phi3_mini, [SFT]).parts, estimate_memory(phi3_mini, [SFT, DPO]).parts

    assert both["reference adapter in fp32"] == both["adapter in fp32"]
    assert both["activations (estimate)"] == pytest.approx(2 * one["activations (estimate)"], rel=0.1)


def test_a_stage_that_goes_on_from_a_champion_has_a_reference_beside_it(phi3_mini, tmp_path):
    fresh = estimate_memory(phi3_mini, [DPO]).parts
    going_on = estimate_memory(phi3_mini, [DPO], start=tmp_path).parts

    assert fresh["reference adapter in fp32"] == 0
    assert going_on["reference adapter in fp32"] == going_on["adapter in fp32"]
    assert estimate_memory(phi3_mini, [SFT], start=tmp_path).parts["reference adapter in fp32"] == 0


def test_what_is_counted_is_what_is_loaded(base, recipe):
    parts = estimate_memory(recipe(), [SFT]).parts
    loaded = load_base(str(base), revision="main", attention="eager", quantisation=Quantisation.NF4)
    held = sum(weight.numel() * weight.element_size() for weight in loaded.parameters())

    counted = parts["base, linear layers in 4 bits"] + parts["base, embeddings and norms in bf16"]
    assert counted == pytest.approx(held, rel=0.02)


def test_the_adapter_that_is_counted_is_the_one_that_is_trained(job):
    adapter = train(job("lora.target_modules=[qkv_proj,o_proj]", "training.epochs=0.2")).adapter

    file = (adapter.folder / "adapter_model.safetensors").stat().st_size
    assert adapter.memory["adapter in fp32"] == pytest.approx(file, rel=0.1)


def test_what_cannot_fit_is_refused_with_the_numbers(phi3_mini, caplog):
    estimate = estimate_memory(phi3_mini, [SFT])

    with caplog.at_level("INFO"):
        refuse_what_cannot_fit(estimate, available=estimate.total)
    assert re.search(r"optimiser +50\.3 MB +500\.0 MB", caplog.text)
    assert "on a CPU is the whole process" in caplog.text
    assert "may not fit" not in caplog.text

    refuse_what_cannot_fit(estimate, available=estimate.total - 1)
    assert "may not fit" in caplog.text
    with pytest.raises(MemoryTooSmall, match=r"at the least \(base, linear.*this machine has 1\.0 GiB"):
        refuse_what_cannot_fit(estimate, available=2**30)


def test_one_of_several_trainings_has_its_part_of_the_memory(job, tmp_path, monkeypatch):
    monkeypatch.setattr("services.training.qlora.available_memory", lambda: 600 * 2**20)
    told: list[object] = []

    QloraTrainer(seats=Seats(tmp_path, 3)).train(job("training.epochs=0.2"), progress=told.append)
    assert [report.available for report in told if isinstance(report, MemoryExpected)] == [200 * 2**20]


def test_fewer_bytes_are_held_with_checkpointing(phi3_mini):
    training = replace(phi3_mini.training, gradient_checkpointing=False)
    kept = estimate_memory(replace(phi3_mini, training=training), [SFT]).parts

    assert (
        kept["activations (estimate)"] > 5 * estimate_memory(phi3_mini, [SFT]).parts["activations (estimate)"]
    )


def test_this_machine_has_memory():
    assert available_memory() > 2**28


def test_a_base_without_a_configuration_is_named(phi3_mini, tmp_path):
    nowhere = replace(phi3_mini, model=replace(phi3_mini.model, name=str(tmp_path)))

    with pytest.raises(BaseModelMissing, match="no configuration"):
        estimate_memory(nowhere, [SFT])
    assert torch.get_default_device().type == "cpu"
