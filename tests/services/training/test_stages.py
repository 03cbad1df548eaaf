"""What each stage learns from, and the sentence that stops a job in which one would learn nothing."""

from pathlib import Path

import pytest

from services.domain.training import Objective
from services.errors.training import (
    AllPairsEqual,
    NoSupervisedTokens,
    NothingToLearn,
    OneClassOnly,
    RowsTooLong,
)
from services.language_model.loading import load_tokenizer
from services.training.stages import prepare_stages
from tests.services.training.conftest import ROWS, make_judgement, make_pair, make_row, write_rows

pytestmark = pytest.mark.slow  # imports transformers


@pytest.fixture(scope="module")
def tokenizer(base):
    return load_tokenizer(str(base), revision="main")


@pytest.fixture
def stages(job, tokenizer, tmp_path):
    def prepare(rows, *objectives, overrides=()):
        wanted = job(*overrides, rows=write_rows(tmp_path / "rows", rows), workdir=Path(), stages=objectives)
        return prepare_stages(wanted, tokenizer)

    return prepare


def test_a_stage_takes_the_rows_of_its_kind(stages):
    rows = [make_row(0), make_row(1), make_pair(0), make_judgement(0), make_judgement(1), make_judgement(2)]

    sft, dpo, kto = stages(rows, Objective.SFT, Objective.DPO, Objective.KTO)

    assert [len(stage.rows) for stage in (sft, dpo, kto)] == [2, 1, 3]
    assert [stage.name for stage in (sft, dpo, kto)] == ["1-sft", "2-dpo", "3-kto"]
    assert sft.supervised_tokens == sum(row.supervised_tokens for row in sft.rows) > 0


def test_prompts_with_a_context_are_validated_with_and_not_shown_answered(stages):
    rows = [make_row(index) for index in range(ROWS)]
    for row in rows[::2]:
        row["messages"][1]["content"] = "Context:\na letter\n\n" + row["messages"][1]["content"]

    (stage,) = stages(rows, Objective.SFT, overrides=["training.validation_share=0.5"])

    with_context = {tuple(row.prompt_ids) for row in stages(rows[::2], Objective.SFT)[0].rows}
    shown = {tuple(stage.validation[place].prompt_ids) for place in stage.showable}
    assert shown
    assert not shown & with_context
    assert shown | with_context >= {tuple(row.prompt_ids) for row in stage.validation}


def test_what_is_learnt_is_counted_and_shown(stages, caplog):
    with caplog.at_level("INFO"):
        stages([make_row(0), make_pair(0)], Objective.SFT, Objective.DPO)

    assert "stage 1-sft: 1 rows and 0 to validate with" in caplog.text
    assert "stage 2-dpo: 1 rows" in caplog.text
    assert " over " in caplog.text


def test_rows_beyond_the_limit_are_left_out_kind_by_kind_and_counted(stages, caplog):
    rows = [make(index) for make in (make_row, make_pair) for index in range(6)]

    with caplog.at_level("INFO"):
        limited = stages(rows, Objective.SFT, Objective.DPO, overrides=["training.max_examples=4"])

    assert [(len(stage.rows), stage.beyond_limit) for stage in limited] == [(4, 2), (4, 2)]
    assert "(2 beyond max_examples)" in caplog.text


@pytest.mark.parametrize(
    ("rows", "objective", "error", "sentence"),
    [
        ([], Objective.SFT, NothingToLearn, "it holds no rows"),
        ([make_pair(0)], Objective.SFT, NothingToLearn, "sft stage wants demonstrations"),
        ([make_row(0)], Objective.DPO, NothingToLearn, "dpo stage wants pairs"),
        ([make_row(0)], Objective.KTO, NothingToLearn, "kto stage wants unpaired examples"),
        ([{**make_row(0), "completion": " "}] * 3, Objective.SFT, NoSupervisedTokens, "None of the 3 rows"),
        (
            [{**make_judgement(i), "completion": ""} for i in range(3)],
            Objective.KTO,
            NoSupervisedTokens,
            "None of the 3 rows",
        ),
        (
            [{**make_pair(0), "chosen": "x", "rejected": " x "}],
            Objective.DPO,
            AllPairsEqual,
            "each of the 1 pairs",
        ),
        ([make_judgement(0)] * 2, Objective.KTO, OneClassOnly, "2 desirable and 0 undesirable"),
        ([make_judgement(1)] * 2, Objective.KTO, OneClassOnly, "0 desirable and 2 undesirable"),
    ],
)
def test_a_stage_that_would_learn_nothing_is_refused(stages, rows, objective, error, sentence):
    with pytest.raises(error, match=sentence):
        stages(rows, objective)


def test_one_real_pair_among_equal_ones_is_something_to_learn(stages):
    assert stages([{**make_pair(0), "chosen": "x", "rejected": "x"}, make_pair(1)], Objective.DPO)


def test_rows_over_the_recipes_limit_are_refused_and_not_cut(stages):
    rows = [make_row(index) for index in range(ROWS)]

    with pytest.raises(RowsTooLong, match=f"^{ROWS} rows have more than 8 tokens"):
        stages(rows, Objective.SFT, overrides=["training.max_length=8"])
