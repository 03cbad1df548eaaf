"""Demonstrations and then preferences on one adapter: what each begins from, and what a kill leaves."""

import math
import shutil
import signal

import pytest
import torch
from safetensors.torch import load, load_file

from services.domain.training import Objective
from services.errors.training import NothingToLearn, OneClassOnly, StartUnusable
from tests.services.training.conftest import ROWS, make_judgement, make_pair, make_row, write_rows
from tests.services.training.running import Run, train

pytestmark = pytest.mark.slow

TWO = (Objective.SFT, Objective.DPO)
STILL = "preference.learning_rate=1e-8"  # a stage that moves no weight by more than rounding
STEPS = 2 * ROWS // 4  # of one stage


@pytest.fixture(scope="module")
def run(job) -> Run:
    return train(job(stages=TWO))


def test_each_stage_has_its_own_result_and_the_job_their_sum(run):
    sft, dpo = run.adapter.stages

    assert (sft.objective, dpo.objective) == TWO
    assert (sft.steps, dpo.steps) == (STEPS, STEPS)
    assert run.adapter.steps == 2 * STEPS
    assert run.adapter.supervised_tokens == sft.supervised_tokens + dpo.supervised_tokens
    assert run.adapter.final_loss == dpo.final_loss == dpo.losses[-1][1]
    assert [step for step, _ in dpo.losses] == [5, 10]


def test_preferences_are_learnt(run):
    first, last = run.adapter.stages[1].losses

    assert last[1] < first[1]
    assert last[1] < math.log(2) - 0.1


def test_progress_counts_the_steps_of_all_stages(run):
    assert [(report.objective, report.step) for report in run.reports] == [
        (Objective.SFT, 5),
        (Objective.SFT, 10),
        (Objective.DPO, STEPS + 5),
        (Objective.DPO, STEPS + 10),
    ]
    assert {report.total_steps for report in run.reports} == {2 * STEPS}


def test_no_forward_of_a_preference_stage_is_in_evaluation_mode(run):
    """The reference is asked once for each row, in batches of four."""
    assert len(run.forwards_in_training_mode) == STEPS + ROWS // 4 + STEPS
    assert all(run.forwards_in_training_mode)


def test_the_finished_adapter_is_one_adapter_in_fp32(run):
    weights = load(run.weights)

    assert {path.name for path in run.adapter.folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert not any("ref" in name.split(".") for name in weights)


def at_the_reference(objective: Objective) -> float:
    """The loss where policy and reference agree."""
    if objective is Objective.DPO:
        return math.log(2)
    weights = [2 if make_judgement(index)["label"] else 1 for index in range(ROWS)]  # one third is desirable
    return sum(weights) / 2 / ROWS


@pytest.mark.parametrize("objective", [Objective.DPO, Objective.KTO])
@pytest.mark.parametrize("first", [(), (Objective.SFT,)])
def test_a_preference_stage_begins_at_its_reference(job, objective, first):
    """Where policy and reference agree, DPO's loss is log 2 and KTO's one half of each row's weight."""
    adapter = train(job(STILL, f"training.batch_size={ROWS}", stages=(*first, objective))).adapter

    assert adapter.final_loss == pytest.approx(at_the_reference(objective), abs=0.005)


def test_robust_loss_is_used_where_choices_are_doubtful(job):
    """At the reference it is log 2 as well, and it moves the adapter elsewhere than the plain loss."""
    plain = train(job(stages=(Objective.DPO,)))
    robust = train(job(stages=(Objective.DPO,), label_smoothing=0.3))

    assert robust.weights != plain.weights
    assert train(job(STILL, stages=(Objective.DPO,), label_smoothing=0.3)).adapter.final_loss == (
        pytest.approx(math.log(2), abs=0.01)
    )


def test_choices_that_are_as_often_wrong_as_right_teach_nothing(job):
    with pytest.raises(NothingToLearn, match="50% of the choices"):
        train(job(stages=(Objective.DPO,), label_smoothing=0.5))


def test_a_later_stage_without_rows_to_learn_from_stops_the_job_before_the_first(job, tmp_path):
    rows = write_rows(tmp_path / "rows", [make_row(0), make_judgement(0), make_pair(0)])
    wanted = job(rows=rows, stages=(Objective.SFT, Objective.KTO))

    with pytest.raises(OneClassOnly):
        train(wanted)
    assert not list(wanted.workdir.iterdir())


@pytest.mark.parametrize(("dies_after", "resumed_at"), [(5, 8), (STEPS + 5, STEPS + 8)])
def test_a_kill_in_any_stage_changes_no_byte(run, job, killed, tmp_path, dies_after, resumed_at):
    assert killed(tmp_path, dies_after, *TWO) == -signal.SIGKILL
    assert len(list(tmp_path.glob("*/result.json"))) == dies_after // STEPS

    resumed = train(job(workdir=tmp_path, stages=TWO))

    assert resumed.adapter.resumed_from_step == resumed_at
    assert resumed.adapter.steps == run.adapter.steps
    assert resumed.weights == run.weights
    assert not list(tmp_path.glob("*/checkpoint-*"))


def test_a_kill_between_two_stages_changes_no_byte(run, job, tmp_path):
    shutil.copytree(run.adapter.folder.parent.parent / "1-sft", tmp_path / "1-sft")

    resumed = train(job(workdir=tmp_path, stages=TWO))

    assert resumed.adapter.resumed_from_step == STEPS
    assert len(resumed.forwards_in_training_mode) == ROWS // 4 + STEPS
    assert resumed.weights == run.weights


def test_an_adapter_begins_where_another_left_off(run, job):
    """With a learning rate that moves nothing, what comes out is what was given."""
    start = run.adapter.folder
    still = train(job("training.learning_rate=1e-8", "training.epochs=0.2", start=start))

    before, after = load_file(start / "adapter_model.safetensors"), load(still.weights)
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_going_on_starts_at_the_loss_the_other_had_reached(job):
    fresh = train(job())
    further = train(job(start=fresh.adapter.folder))

    assert further.reports[0].loss < fresh.reports[0].loss - 0.2
    assert further.weights != fresh.weights


@pytest.mark.parametrize("objective", [Objective.DPO, Objective.KTO])
def test_preferences_on_a_given_adapter_have_it_as_their_reference(run, job, objective):
    overrides = (STILL, f"training.batch_size={ROWS}")
    adapter = train(job(*overrides, stages=(objective,), start=run.adapter.folder)).adapter

    assert adapter.final_loss == pytest.approx(at_the_reference(objective), abs=0.01)


def test_an_adapter_of_another_shape_is_refused(run, job, tmp_path):
    with pytest.raises(StartUnusable, match="it has r 8 and alpha 32, the recipe 4 and 32"):
        train(job("lora.r=4", start=run.adapter.folder))
    with pytest.raises(StartUnusable, match="no adapter_config"):
        train(job(start=tmp_path))
