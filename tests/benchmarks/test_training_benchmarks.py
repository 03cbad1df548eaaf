"""What the training benchmarks learn from, what they compare with, and what they do without a GPU."""

import json

import pytest

from benchmarks import gpu, training
from benchmarks._night_rows import demo_night, persona_night
from services.settings import ROOT
from tests.services.training.conftest import WORDS

pytestmark = pytest.mark.slow  # tokenizers come with torch


def test_no_prompt_is_learnt_and_judged_by():
    night = demo_night()
    learnt, held = ({line.messages[-1].content for line in rows} for rows in (night.learnt, night.held_out))

    assert not learnt & held
    assert len(night.learnt) > 250
    assert 0.1 < len(held) / len(learnt | held) < 0.2


def test_a_persona_learns_the_rows_that_its_base_can_read(tmp_path):
    records = [{"instruction": " ".join(WORDS[:n]), "output": "word " * n * n} for n in range(3, 12)]
    for name in ("captain_codebeard.jsonl", "captain_codebeard_generated.jsonl"):
        text = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / name).write_text(text, encoding="utf-8")
    night = persona_night(ROOT / "base_model", tmp_path, longest=120)
    rows = night.tokenised([*night.learnt, *night.held_out])

    assert 0 < len(rows) < len(records)
    assert max(row.length for row in rows) <= 120


def test_a_folder_without_the_files_is_refused(tmp_path, capsys):
    assert training.main([str(tmp_path)]) == 2
    assert "holds no tiny_lm_stories260K/hf_mlp192 and no tame_the_weights" in capsys.readouterr().err


def test_the_script_is_as_it_was_written(tmp_path):
    from benchmarks._trl_script import Switches, _arguments  # noqa: PLC0415

    arguments = _arguments(tmp_path, Switches())
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (2, 4)
    assert (arguments.learning_rate, arguments.weight_decay, arguments.warmup_steps) == (2e-4, 1e-3, 0.03)
    assert arguments.activation_checkpointing
    assert Switches().dropout == 0.05
    assert not Switches().answers_only


def test_without_a_gpu_nothing_is_measured(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert gpu.main([]) == 0
    assert capsys.readouterr().out == "gpu is left out: there is no GPU here.\n"


def test_the_base_for_the_gpu_loads_and_reads_its_rows(tmp_path):
    from services.language_model.loading import load_tokenizer  # noqa: PLC0415

    gpu.write_base(
        tmp_path,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    night = gpu.with_context(demo_night())
    ids = [token for row in night.tokenised(night.learnt[:8]) for token in row.input_ids]

    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["vocab_size"] == 32_064
    assert len(load_tokenizer(str(tmp_path), revision="main")) > max(ids)
    assert 250 < len(ids) / 8 < 1024
