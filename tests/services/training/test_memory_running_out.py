"""A training that runs out of memory goes on with less, says what it gave up, and ends with an adapter."""

import signal
from collections import Counter
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from services.domain.training import Objective
from services.errors.training import MemoryExhausted
from tests.services.training.conftest import ROWS
from tests.services.training.running import train

pytestmark = pytest.mark.slow

STEPS = 2 * ROWS // 4  # of one stage


@contextmanager
def memory_for(fits):
    """Raise as a full GPU does at each forward for whose (forwards so far, rows, tokens a row) it says no.

    What it yields is a list that gets the token ids of the rows of each forward that fits.
    """
    forwards = 0
    fitted = []

    def watch(module, inputs):
        nonlocal forwards
        if isinstance(module, nn.Embedding):
            forwards += 1
            if not fits(forwards, *inputs[0].shape):
                raise torch.OutOfMemoryError("CUDA out of memory (as a test has it)")
            fitted.append([tuple(ids[ids != 0].tolist()) for ids in inputs[0]])

    hook = register_module_forward_pre_hook(watch)
    try:
        yield fitted
    finally:
        hook.remove()


def test_the_batch_gets_smaller_and_the_steps_stay(job):
    with memory_for(lambda _, rows, __: rows < 4):
        run = train(job())

    [stage] = run.adapter.stages
    assert stage.concessions == ("batch 4 x 1 became 2 x 2",)
    assert (stage.steps, stage.dropped_rows) == (STEPS, 0)
    assert run.reports[-1].loss < run.reports[0].loss
    assert any("goes on with less: batch 4 x 1 became 2 x 2" in line for line in run.log)
    # The same rows make up each step, so the loss is that of whole batches but for rounding.
    assert run.reports[0].loss == pytest.approx(train(job()).reports[0].loss, abs=0.02)


def test_it_goes_on_from_its_last_checkpoint_and_not_from_the_start(job):
    with memory_for(lambda forwards, rows, _: forwards <= 5 or rows < 4) as fitted:
        [stage] = train(job()).adapter.stages

    assert stage.resumed_from_step == 4
    assert stage.steps == STEPS
    # Four steps are two thirds of an epoch; the fifth was not saved and is done again in smaller batches.
    learnt = Counter(row for rows in [*fitted[:4], *fitted[5:]] for row in rows)
    assert len(learnt) == ROWS
    assert set(learnt.values()) == {2}  # epochs
    assert sorted(fitted[4]) == sorted(fitted[5] + fitted[6])


def test_rows_that_do_not_fit_are_left_out_and_counted(job):
    with memory_for(lambda _, rows, tokens: rows == 1 and tokens <= 37):
        [stage] = train(job()).adapter.stages

    assert stage.dropped_rows > 0
    assert stage.rows + stage.dropped_rows == ROWS
    assert "activations are computed again, not kept" in stage.concessions
    assert stage.concessions[-1].startswith(f"{stage.dropped_rows} rows of more than ")


@pytest.mark.parametrize("objective", [Objective.DPO, Objective.KTO])
def test_a_preference_stage_steps_down_too_and_the_next_stage_starts_anew(job, objective):
    sequences = 8 if objective is Objective.DPO else 4  # a pair is two sequences
    with memory_for(lambda _, rows, __: rows < sequences):
        stages = train(job(stages=(Objective.SFT, objective))).adapter.stages

    assert [len(stage.concessions) for stage in stages] == [int(objective is Objective.KTO), 1]
    assert [stage.steps for stage in stages] == [STEPS, STEPS]


def test_when_nothing_is_left_to_give_up_all_that_was_tried_is_said(job):
    with (
        memory_for(lambda *_: False),
        pytest.raises(MemoryExhausted, match="batch 4 x 1 became 2 x 2; batch"),
    ):
        train(job())


def test_other_errors_of_a_step_are_raised_as_they_are(job, monkeypatch):
    monkeypatch.setattr(nn.Embedding, "forward", lambda *_: torch.zeros(2) + torch.zeros(3))

    with pytest.raises(RuntimeError, match="size of tensor"):
        train(job())


def test_the_clock_stops_a_stage_after_a_step_and_leaves_the_next_out(job):
    stopped = job("training.max_seconds=1", "training.epochs=1000", stages=(Objective.SFT, Objective.DPO))

    adapter = train(stopped).adapter

    [stage] = adapter.stages
    assert 0 < stage.steps < 1000 * ROWS // 4
    assert stage.stopped_early == f"training.max_seconds ran out after step {stage.steps} of 6000"
    assert adapter.folder.parent.name == "1-sft"
    assert (adapter.folder / "adapter_model.safetensors").exists()
    again = train(stopped).adapter
    assert again.steps == again.resumed_from_step == stage.steps


def test_the_time_of_attempts_that_were_killed_counts(job, killed, tmp_path):
    assert killed(tmp_path, 5, "sft") == -signal.SIGKILL
    trained = tmp_path / "seconds_trained"
    assert 0 < float(trained.read_text()) < 300
    trained.write_text("3600")

    [stage] = train(job("training.max_seconds=3600", workdir=tmp_path)).adapter.stages

    assert (stage.resumed_from_step, stage.steps) == (8, 9)
    assert stage.stopped_early.startswith("training.max_seconds ran out after step 9")
    assert float(trained.read_text()) > 3600
