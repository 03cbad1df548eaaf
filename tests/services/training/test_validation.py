"""Validation beside the training: whole prompts kept out, the best adapter kept, and nothing else changed."""

import json
import math
import shutil
from itertools import islice

import pytest
from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import nn

from services.domain.progress import Progress
from services.domain.training import Evaluation, ModelRecipe, Objective, Quantisation
from services.errors.training import CheckpointIncomplete, ScoringDied
from services.language_model.loading import load_tokenizer
from services.training.dataset import IGNORED, TokenisedRow, tokenise_demonstration
from services.training.qlora import QloraTrainer
from services.training.rows import read_lines
from services.training.scoring_process import load_weights
from services.training.scoring_task import ScoringTask, read_task
from services.training.stages import prepare_stages
from services.training.validation import Validation, read_evaluations, scoring
from services.training.validation_split import split_off
from tests.services.training.conftest import ROWS, write_rows
from tests.services.training.running import train

pytestmark = pytest.mark.slow

SHARE = "training.validation_share=0.25"


def row(prompt, answer=1):
    return TokenisedRow([prompt, 7, answer], [IGNORED, IGNORED, answer])


@pytest.fixture(scope="module")
def validated(job, tmp_path_factory):
    """A training that overfits at once: its rate is far too high."""
    workdir = tmp_path_factory.mktemp("validated")
    overrides = (SHARE, "training.epochs=20", "training.patience=2", "training.previews=1")
    return train(job(*overrides, workdir=workdir)), workdir / "1-sft"


@pytest.fixture(scope="module")
def steady(job):
    return train(job(SHARE, "training.patience=0"))


def test_prompts_are_kept_out_with_all_of_their_answers():
    rows = [row(prompt, answer) for prompt in range(20) for answer in (1, 2)]

    learnt, held = split_off(rows, share=0.25)

    assert (len(learnt), len(held)) == (30, 10)
    assert {one.input_ids[0] for one in learnt}.isdisjoint(one.input_ids[0] for one in held)
    assert split_off(rows[::-1], share=0.25)[1] == held[::-1]


@pytest.mark.parametrize(
    ("prompts", "share", "kept_out"), [(9, 0.0, 0), (1, 0.5, 0), (2, 0.5, 1), (0, 0.5, 0)]
)
def test_there_is_always_something_left_to_learn(prompts, share, kept_out):
    assert len(split_off([row(prompt) for prompt in range(prompts)], share=share)[1]) == kept_out


def test_each_checkpoint_is_scored_and_the_best_is_the_adapter(validated):
    run, folder = validated
    [stage] = run.adapter.stages
    losses = {one.step: one.loss for one in stage.evaluations}
    best = min(losses, key=losses.__getitem__)

    held = len(json.loads((folder / "validation.json").read_text())["rows"])
    assert 0 < held < ROWS // 2
    assert stage.rows + held == ROWS
    assert list(losses) == list(range(4, max(losses) + 1, 4))
    assert max(losses) == best + 2 * 4  # the patience
    assert stage.steps == max(losses)
    assert stage.stopped_early.startswith(
        f"no better validation loss than {losses[best]:.4f} of step {best} "
    )
    assert run.weights == (folder / "best" / "adapter_model.safetensors").read_bytes()


def test_previews_are_kept_and_logged(validated):
    run, _ = validated
    [stage] = run.adapter.stages

    assert all(len(one.previews) == 1 for one in stage.evaluations)
    assert any(f"step 4: it answers {stage.evaluations[0].previews[0]!r}" in line for line in run.log)


def test_the_scores_are_those_of_the_adapter_as_it_was_then(validated, tmp_path):
    """Scored again by a fresh process, the kept adapter has the loss that was recorded for it."""
    run, folder = validated
    best = min(run.adapter.stages[0].evaluations, key=lambda one: one.loss)
    task = read_task(folder / "validation.json")

    with scoring(task, tmp_path) as process:
        assert process.score(run.adapter.folder, step=best.step) == best
        with pytest.raises(ScoringDied, match=r"scoring\.log"):
            process.score(tmp_path / "nowhere", step=1)


def test_validating_changes_nothing_that_is_trained(steady, job, base, rows_file, tmp_path):
    """Scoring in the training process would: on a CPU every gradient after it would be another."""
    tokenizer = load_tokenizer(str(base), revision="main")
    [stage] = prepare_stages(job(SHARE), tokenizer)
    lines = rows_file.read_text().splitlines()[:ROWS]
    tokenised = [
        tokenise_demonstration(line, tokenizer, chat_template="")
        for line in islice(read_lines(rows_file), ROWS)
    ]
    learnt = [json.loads(line) for line, row in zip(lines, tokenised, strict=True) if row in stage.rows]

    alone = train(job(rows=write_rows(tmp_path / "rows", learnt)))

    assert len(steady.adapter.stages[0].evaluations) == alone.adapter.steps // 4 == 2
    assert [stage.losses for stage in steady.adapter.stages] == [
        stage.losses for stage in alone.adapter.stages
    ]
    assert all(steady.forwards_in_training_mode)
    assert steady.adapter.stages[0].evaluations[1].loss < steady.adapter.stages[0].evaluations[0].loss
    assert steady.weights == alone.weights  # the last was the best


def test_an_evaluation_that_a_kill_prevented_is_made_by_the_next_attempt(steady, job, tmp_path):
    def die(report):
        if isinstance(report, Progress):
            raise KeyboardInterrupt(report.step)

    wanted = job(SHARE, "training.patience=0", workdir=tmp_path)
    with pytest.raises(KeyboardInterrupt, match="5"):
        QloraTrainer().train(wanted, progress=die)
    assert [one.step for one in read_evaluations(tmp_path / "1-sft")] == [4]
    (tmp_path / "1-sft" / "evaluations.json").unlink()
    shutil.rmtree(tmp_path / "1-sft" / "best")

    resumed = train(wanted)
    assert resumed.adapter.resumed_from_step == 4
    assert resumed.adapter.stages[0].evaluations == steady.adapter.stages[0].evaluations
    assert resumed.weights == steady.weights


def test_the_early_checkpoint_is_resumed_from_and_never_scored(steady, job, tmp_path):
    def die(report):
        if isinstance(report, Progress) and report.step == 3:
            raise KeyboardInterrupt(report.step)

    wanted = job(SHARE, "training.patience=0", "training.logging_steps=1", workdir=tmp_path)
    with pytest.raises(KeyboardInterrupt, match="3"):
        QloraTrainer().train(wanted, progress=die)
    assert read_evaluations(tmp_path / "1-sft") == ()

    resumed = train(wanted)
    assert resumed.adapter.resumed_from_step == 1
    assert resumed.adapter.stages[0].evaluations == steady.adapter.stages[0].evaluations
    assert resumed.weights == steady.weights


@pytest.mark.parametrize("steps", ["training.checkpoint_steps=1", "training.max_seconds=1"])
def test_a_first_checkpoint_that_is_asked_for_is_scored(job, tmp_path, steps):
    """By the recipe or, with the time of earlier attempts used up, by the clock."""
    (tmp_path / "seconds_trained").write_text("1")
    [stage] = train(job(SHARE, "training.patience=0", steps, workdir=tmp_path)).adapter.stages

    assert [one.step for one in stage.evaluations] == list(range(1, stage.steps + 1))


def test_a_checkpoint_without_all_weights_is_not_scored_with_those_of_another(tmp_path):
    config = LoraConfig(r=2, target_modules=["0"])
    model = PeftModel(nn.Sequential(nn.Linear(4, 3)), config)
    weights = get_peft_model_state_dict(model)
    lost = max(weights)
    del weights[lost]
    save_file(weights, tmp_path / "adapter_model.safetensors")

    with pytest.raises(CheckpointIncomplete, match=lost):
        load_weights(model, tmp_path)


def test_a_diverged_evaluation_is_never_the_best_and_does_not_stay_it(tmp_path):
    kept = Validation(None, tmp_path, print, patience=0)
    kept.evaluations = tuple(Evaluation(step, loss, ()) for step, loss in ((1, math.nan), (2, 4.0), (3, 3.0)))
    assert kept.best().step == 3


def test_a_scoring_process_that_died_is_named_and_not_its_pipe(tmp_path):
    model = ModelRecipe(str(tmp_path / "nowhere"), "main", Quantisation.NF4, "eager", "", ())

    def score_for_ever():
        task = ScoringTask(Objective.SFT, model, (row(2),), beta=0.1)
        with scoring(task, tmp_path) as process:
            while True:
                process.score(tmp_path, step=1)

    with pytest.raises(ScoringDied, match=r"scoring\.log"):
        score_for_ever()
