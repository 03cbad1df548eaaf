"""The real trainer on a tiny random base in 4 bits: what it learns from, what it leaves, how it resumes."""

import logging
import math
import signal
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load

from services.adapters.file_store import FileAdapterStore
from services.errors.artifacts import BaseModelMissing
from services.errors.training import ModuleMatchesNothing, RowsTooLong
from tests.services.training.conftest import ROWS
from tests.services.training.running import Run, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(job) -> Run:
    return train(job())


def test_the_loss_falls(run):
    assert run.reports[-1].loss < run.reports[0].loss - 0.2
    assert run.adapter.final_loss == run.reports[-1].loss


def test_the_folder_holds_an_adapter_and_nothing_else(run, tmp_path):
    assert {path.name for path in run.adapter.folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    store = FileAdapterStore(f"file://{tmp_path}")
    store.begin()
    assert store.publish(run.adapter.folder, persona="pirate", number=1, provenance={}).files


def test_every_weight_is_learnt_in_fp32(run):
    weights = load(run.weights)

    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert all(weight.abs().sum() > 0 for name, weight in weights.items() if "lora_B" in name)


def test_no_forward_of_the_training_process_is_in_evaluation_mode(run):
    """One scoring in between repacks 4-bit weights on a CPU, and every gradient after it is wrong."""
    steps = run.adapter.steps

    assert len(run.forwards_in_training_mode) == steps
    assert all(run.forwards_in_training_mode)


def test_progress_is_reported_with_steps_speed_and_time_left(run):
    last = run.reports[-1]

    assert [report.step for report in run.reports] == [5, 10]
    assert last.total_steps == run.adapter.steps == 2 * ROWS // 4
    assert last.tokens_per_second > 0
    assert math.isfinite(last.seconds_left)
    assert last.seconds_left >= 0
    assert any("step 10 of 12, loss" in line for line in run.log)


def test_what_is_learnt_is_counted_and_shown_before_the_first_step(run):
    shown = next(index for index, line in enumerate(run.log) if "supervised tokens" in line)

    assert f"{ROWS} rows and 0 to validate with" in run.log[shown]
    assert f"{run.adapter.supervised_tokens} supervised tokens" in run.log[shown]
    assert "masked <|system|> [" in run.log[shown]
    assert run.log[shown].rstrip().endswith("tokens] <|end|>")
    assert "Arr" not in "".join(run.log)
    assert not any("step 5" in line for line in run.log[:shown])


def test_the_packages_and_the_optimiser_are_recorded(run):
    assert run.adapter.optimizer == "adamw_torch"
    assert {"python", "torch", "transformers", "peft", "trl", "bitsandbytes"} <= set(run.adapter.packages)


def test_the_same_rows_recipe_and_seed_give_the_same_bytes(run, job):
    assert train(job()).weights == run.weights
    assert train(job("training.seed=43")).weights != run.weights


@pytest.mark.parametrize(("dies_after", "resumed_at"), [(5, 8), (1, 1)])
def test_a_killed_training_resumes_and_gives_the_same_bytes(
    run, job, killed, tmp_path, dies_after, resumed_at
):
    """With a report at each step where it dies before the first checkpoint that the recipe asks for."""
    often = ["training.logging_steps=1"] if dies_after < 4 else []
    assert killed(tmp_path, dies_after, "sft", *often) == -signal.SIGKILL
    assert not (tmp_path / "1-sft" / "adapter").exists()
    half_written = tmp_path / "1-sft" / "checkpoint-9"
    half_written.mkdir()
    (half_written / "trainer_state.json").write_text("{}")

    resumed = train(job(workdir=tmp_path))

    assert resumed.adapter.resumed_from_step == resumed_at
    assert len(resumed.forwards_in_training_mode) == resumed.adapter.steps - resumed_at
    assert resumed.adapter.steps == run.adapter.steps
    assert resumed.weights == run.weights
    assert not half_written.exists()


def test_a_finished_training_asked_for_again_gives_the_same_bytes(run, job):
    again = job()
    first, second = train(again), train(again)

    assert first.weights == second.weights == run.weights
    assert second.adapter.resumed_from_step == second.adapter.steps


def test_a_module_that_matches_nothing_is_named_with_those_there_are(job):
    with pytest.raises(ModuleMatchesNothing, match=r"q_proj.*choose among .*qkv_proj") as error:
        train(job("lora.target_modules=[q_proj,o_proj]"))
    assert error.value.modules == ("q_proj",)


def test_only_the_requested_modules_are_trained(job):
    weights = load(train(job("lora.target_modules=[qkv_proj]", "training.epochs=0.2")).weights)

    assert weights
    assert all("qkv_proj" in name for name in weights)


def test_rows_over_the_limit_are_refused_and_not_cut(job):
    with pytest.raises(RowsTooLong, match=f"^{ROWS} rows have more than 8 tokens"):
        train(job("training.max_length=8"))


def test_a_missing_base_is_named(job):
    wanted = job()
    nowhere = replace(wanted.recipe.model, name="/nowhere/base")
    with pytest.raises(BaseModelMissing, match="/nowhere/base"):
        train(replace(wanted, recipe=replace(wanted.recipe, model=nowhere)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU runs every optimiser as asked")
def test_an_optimiser_that_pages_gpu_memory_is_replaced_aloud(job, caplog):
    with caplog.at_level(logging.WARNING):
        run = train(job("training.optimizer=paged_adamw_8bit", "training.epochs=0.2"))

    assert run.adapter.optimizer == "adamw_8bit"
    assert "there is no GPU: adamw_8bit is used instead" in caplog.text


def test_gradient_checkpointing_and_accumulation_change_no_learning(job):
    """Same rows in the same order, an effective batch of four made of two halves."""
    halves = train(
        job(
            "training.gradient_checkpointing=true",
            "training.batch_size=2",
            "training.gradient_accumulation_steps=2",
        )
    )

    assert halves.adapter.steps == 2 * ROWS // 4
    assert halves.reports[0].loss > halves.reports[-1].loss
