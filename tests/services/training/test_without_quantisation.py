"""Where the base is not in 4 bits: because it was asked for, or because the machine cannot."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from services.domain.training import Quantisation
from services.language_model.machine import usable_quantisation
from tests.services.training.conftest import RECIPE
from tests.services.training.running import Run, train

pytestmark = pytest.mark.slow  # imports torch


def unquantised(job):
    model = replace(job.recipe.model, quantisation=Quantisation.NONE)
    return replace(job, recipe=replace(job.recipe, model=model))


def base_bytes(adapter):
    return sum(int(size) for part, size in adapter.memory.items() if part.startswith("base, "))


@pytest.fixture(scope="module")
def run(job) -> Run:
    return train(unquantised(job()))


def test_plain_lora_learns_and_gives_the_same_bytes_again(run, job):
    assert run.adapter.quantisation is Quantisation.NONE
    assert run.reports[-1].loss < run.reports[0].loss - 0.2
    assert train(unquantised(job())).weights == run.weights


def test_it_is_another_base_than_the_same_in_4_bits(run, job):
    quantised = train(job("training.epochs=0.2")).adapter

    assert quantised.quantisation is Quantisation.NF4
    assert quantised.base_digest != run.adapter.base_digest


def test_the_estimate_counts_two_bytes_a_weight(run, base):
    held = (base / "model.safetensors").stat().st_size
    counted = base_bytes(run.adapter)

    assert "base, linear layers in bf16" in run.adapter.memory
    assert counted == pytest.approx(held, rel=0.05)


def test_the_process_that_validates_holds_it_alike(job):
    validated = train(unquantised(job("training.validation_share=0.25"))).adapter

    [stage] = validated.stages
    assert stage.evaluations[-1].loss < stage.evaluations[0].loss
    assert validated.memory["base of the process that validates"] == base_bytes(validated)


def test_without_bitsandbytes_it_trains_in_half_precision_and_says_so_once(base, rows_file, tmp_path):
    command = [sys.executable, "-m", "tests.services.training.training_without_bitsandbytes"]
    overrides = [*RECIPE, "training.optimizer=paged_adamw_8bit", "training.validation_share=0.2"]
    ran = subprocess.run(
        [*command, str(rows_file), str(tmp_path), str(base), *overrides],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)

    assert (report["asked"], report["quantisation"]) == ("nf4", "none")
    assert ran.stderr.count("bitsandbytes cannot be imported here, so the base is held in bf16") == 1
    assert report["optimizer"] == "adamw_torch"
    assert "bitsandbytes" not in report["packages"]
    assert "base, linear layers in bf16" in report["memory"]
    assert report["losses"][-1] < report["losses"][0]
    assert report["evaluations"]


def test_apple_silicon_does_without(monkeypatch, caplog):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert usable_quantisation(Quantisation.NF4) is Quantisation.NONE
    assert "NF4 is not supported on Apple silicon, so the base is held in bf16" in caplog.text
    caplog.clear()
    assert usable_quantisation(Quantisation.NONE) is Quantisation.NONE
    assert not caplog.text
