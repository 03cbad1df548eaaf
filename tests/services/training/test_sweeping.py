"""A real sweep of two ranks on a tiny base: all scored on the same answers, none of them trained twice."""

import json
from pathlib import Path

import pytest

from services.domain.training import Objective
from services.errors.training import NothingToLearn
from services.training.sweep_rows import keep_out
from services.training.sweeping import SweepJob, TrialResult, best_of, try_out
from tests.services.training.conftest import ROWS, make_judgement, make_pair, make_row, write_rows


def test_a_prompt_is_kept_out_with_all_its_rows_and_its_demonstrations_are_scored(
    rows_file: Path, tmp_path: Path
):
    split = keep_out(rows_file, tmp_path)
    learnt = [json.loads(line) for line in split.learnt.read_text().splitlines()]
    kept = {json.dumps([vars_of(message) for message in line.messages]) for line in split.kept_out}
    assert split.kept_out
    assert not kept & {json.dumps(row["messages"]) for row in learnt}
    assert {row.get("kind", "demonstration") for row in learnt} == {"demonstration", "pair", "unpaired"}
    assert keep_out(rows_file, tmp_path) == split


def vars_of(message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def test_without_demonstrations_the_better_answers_are_scored(tmp_path: Path):
    rows = [make(index) for make in (make_pair, make_judgement) for index in range(ROWS)]
    split = keep_out(write_rows(tmp_path / "set.jsonl", rows), tmp_path)
    assert split.kept_out
    assert all(line.completion.startswith("Arr, ") for line in split.kept_out)


def test_three_prompts_are_too_few(tmp_path: Path):
    rows = write_rows(tmp_path / "set.jsonl", [make_row(index) for index in range(3)])
    with pytest.raises(NothingToLearn, match="3 prompts are too few"):
        keep_out(rows, tmp_path)


def test_the_best_has_the_smallest_loss_and_what_has_none_is_never_it():
    losses = (None, 2.0, 1.5, 1.5, None)
    assert best_of([TrialResult(held_out_loss=loss) for loss in losses]) == 2
    assert best_of([TrialResult(error="no")]) is None


@pytest.mark.slow
def test_two_ranks_are_trained_in_processes_of_their_own_and_once(rows_file: Path, recipe, tmp_path: Path):
    job = SweepJob(rows_file, "digest of the set", (Objective.SFT,), 0.0, tmp_path)
    short = ("training.max_length=200", "training.epochs=4", "training.logging_steps=2")
    recipes = [recipe(*short, f"lora.r={rank}", f"lora.alpha={2 * rank}") for rank in (2, 16)]
    first, second = (try_out(job, one) for one in recipes)

    for result in (first, second):
        assert not result.error
        assert result.rows < ROWS
        assert result.steps > 4
        assert result.tokens_per_second
        assert result.peak_bytes > 10**8
    assert first.answers == second.answers
    assert 0 < (second.held_out_loss or 0) < (first.held_out_loss or 0)  # with more rank more is learnt
    assert not list(tmp_path.rglob("*.safetensors"))

    written = (job.trial(recipes[0]) / "result.json").stat().st_mtime_ns
    assert try_out(job, recipes[0]) == first
    assert (job.trial(recipes[0]) / "result.json").stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_combination_that_cannot_be_trained_says_why_and_is_tried_again(
    rows_file: Path, recipe, tmp_path: Path
):
    job = SweepJob(rows_file, "digest of the set", (Objective.SFT,), 0.0, tmp_path)
    result = try_out(job, recipe("lora.target_modules=[q_proj]"))
    assert "q_proj" in result.error
    assert result.held_out_loss is None
    assert not (job.trial(recipe("lora.target_modules=[q_proj]")) / "result.json").exists()
