"""Validating stages of preferences: by their own losses, against the adapter that the stage began with."""

import math
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from services.domain.training import Objective
from services.training.dataset import TokenisedJudgement, TokenisedPair
from services.training.scoring_task import ScoringTask, read_task
from services.training.validation import Scoring, scoring
from services.training.validation_losses import preference_loss
from tests.services.training.conftest import ROWS
from tests.services.training.running import Run, train

pytestmark = pytest.mark.slow

SHARE = "training.validation_share=0.25"
NOTHING_LEARNT = {Objective.DPO: math.log(2), Objective.KTO: 0.5}


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


@pytest.fixture(scope="module", params=[Objective.DPO, Objective.KTO])
def validated(request, job, tmp_path_factory) -> Run:
    workdir = tmp_path_factory.mktemp("validated")
    return train(
        job(
            SHARE,
            "training.patience=0",
            "training.previews=1",
            workdir=workdir,
            stages=(Objective.SFT, request.param),
        )
    )


@pytest.fixture(scope="module")
def afresh(validated, tmp_path_factory) -> Iterator[Scoring]:
    """Another process, told what the training told its own."""
    with scoring(told(validated), tmp_path_factory.mktemp("afresh")) as process:
        yield process


def test_the_loss_of_rows_kept_out_falls_from_that_of_the_reference(validated):
    stage = validated.adapter.stages[1]

    losses = [one.loss for one in stage.evaluations]
    assert losses[-1] < losses[0] < NOTHING_LEARNT[stage.objective]
    assert stage.rows < ROWS
    assert stage.rows + len(told(validated).rows) == ROWS
    assert all(len(one.previews) == 1 for one in stage.evaluations)
    assert all(validated.forwards_in_training_mode)


def test_the_kept_adapter_is_the_best_and_has_the_loss_recorded_for_it(validated, afresh):
    stage = validated.adapter.stages[1]
    best = min(stage.evaluations, key=lambda one: one.loss)

    assert validated.weights == (folder_of(validated) / "best" / "adapter_model.safetensors").read_bytes()
    assert afresh.score(validated.adapter.folder, step=best.step) == best


def test_the_reference_itself_has_learnt_nothing(validated, afresh):
    task = told(validated)

    assert task.start == folder_of(validated).parent / "1-sft" / "adapter"
    assert afresh.score(task.start, step=0).loss == pytest.approx(NOTHING_LEARNT[task.objective], abs=1e-4)


def test_a_fresh_adapter_is_measured_against_the_plain_base(job):
    [stage] = train(job(SHARE, "training.patience=0", stages=(Objective.DPO,))).adapter.stages

    assert stage.evaluations[-1].loss < stage.evaluations[0].loss < math.log(2)


def test_patience_ends_a_preference_stage(job):
    far_too_fast = ("preference.learning_rate=0.5", "preference.epochs=20", "training.patience=1")
    [stage] = train(job(SHARE, *far_too_fast, stages=(Objective.DPO,))).adapter.stages

    assert stage.stopped_early.startswith("no better validation loss than")


def test_a_kill_changes_neither_the_scores_nor_a_byte(validated, job, killed, tmp_path):
    objective = validated.adapter.stages[1].objective
    steps = validated.adapter.stages[0].steps + 5
    overrides = [SHARE, "training.patience=0", "training.previews=1", "training.logging_steps=1"]
    assert killed(tmp_path, steps, "sft", objective, *overrides) == -signal.SIGKILL

    resumed = train(job(*overrides[:-1], workdir=tmp_path, stages=(Objective.SFT, objective)))

    assert resumed.adapter.stages[1].resumed_from_step == 4
    assert resumed.adapter.stages[1].evaluations == validated.adapter.stages[1].evaluations
    assert resumed.weights == validated.weights


def test_doubtful_choices_are_discounted_as_in_training():
    pair = TokenisedPair([1], [2], [3])
    task = ScoringTask(Objective.DPO, None, (pair, pair), beta=0.5, label_smoothing=0.2)
    ratios = torch.tensor([[3.0, -1.0], [1.0, 1.0]])

    def loss(margin):
        return (-0.8 * math.log(sigmoid(margin)) + 0.2 * math.log(sigmoid(-margin))) / 0.6

    assert preference_loss(task, ratios) == pytest.approx((loss(1.0) + loss(-1.0)) / 2)
    assert preference_loss(replace(task, label_smoothing=0.0), ratios) == pytest.approx(
        -(math.log(sigmoid(1.0)) + math.log(sigmoid(-1.0))) / 2
    )


def test_both_classes_of_judged_answers_count_alike():
    good, bad = TokenisedJudgement([1], [2], label=True), TokenisedJudgement([1], [3], label=False)
    task = ScoringTask(Objective.KTO, None, (good, bad, bad, bad), beta=1.0)
    ratios = torch.tensor([[2.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])

    expected = ((1 - sigmoid(2.0 - 1.0)) + (1 - sigmoid(1.0 - 0.0))) / 2
    assert preference_loss(task, ratios) == pytest.approx(expected)
    nearer = torch.stack([ratios[0], -ratios[1]])  # a distance is never below zero
    assert preference_loss(task, nearer) == pytest.approx(((1 - sigmoid(2.0)) + 0.5) / 2)


def folder_of(run):
    return run.adapter.folder.parent


def told(run) -> ScoringTask:
    return read_task(folder_of(run) / "validation.json")
