"""A base kept in 4 bits is the base: the same bits, the same name, the same adapter learnt on it."""

import os

import pytest
import torch
from transformers import AutoModelForCausalLM

from services.domain.training import Quantisation
from services.language_model import cached_base
from services.language_model.loading import load_base
from services.training.qlora import QloraTrainer
from tests.services.training.running import train

pytestmark = pytest.mark.slow

AGES_AGO = 1_000_000_000


@pytest.fixture(autouse=True)
def _keep_the_smallest(monkeypatch):
    monkeypatch.setattr(cached_base, "WORTH_KEEPING", 0)


def load(base, cache):
    return load_base(
        str(base), revision="main", attention="eager", quantisation=Quantisation.NF4, cache=cache
    )


def same_bits(first, second):
    ours, theirs = first.state_dict(), second.state_dict()
    return set(ours) == set(theirs) and all(
        ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name]) for name in ours
    )


def test_what_is_read_back_is_what_was_quantised(base, tmp_path):
    anew, first = load(base, None), load(base, tmp_path)
    [kept] = tmp_path.iterdir()
    written = (kept / "model.safetensors").stat().st_mtime_ns
    again = load(base, tmp_path)

    assert {path.suffix for path in kept.iterdir()} == {".json", ".safetensors"}
    assert any("quant_state" in name for name in anew.state_dict())
    assert same_bits(anew, first)
    assert same_bits(anew, again)
    assert again.name_or_path == again.config.name_or_path == str(base)
    assert (kept / "model.safetensors").stat().st_mtime_ns == written


def test_an_adapter_learnt_on_a_kept_base_has_the_same_bytes(job, base, tmp_path):
    load(base, tmp_path)
    overrides = ("training.epochs=1", "training.validation_share=0.25")
    anew = train(job(*overrides)).adapter
    kept = QloraTrainer(cache=tmp_path).train(job(*overrides), progress=lambda _: None)

    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (kept.folder / name).read_bytes() == (anew.folder / name).read_bytes()
    assert kept.stages[0].evaluations == anew.stages[0].evaluations
    assert kept.base_digest == anew.base_digest


def turn_a_bit(file):
    content = bytearray(file.read_bytes())
    content[-9] ^= 1  # of a weight: what reads it could not tell
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model.safetensors", lambda file: file.write_bytes(b"cut off")),
        ("model.safetensors", turn_a_bit),
        ("config.json", lambda file: file.write_text(file.read_text().replace("silu", "gelu"))),
        ("digests.json", lambda file: file.unlink()),
    ],
    ids=["truncated", "a bit", "configuration", "no digests"],
)
def test_a_damaged_one_is_made_again(base, tmp_path, caplog, name, damage):
    load(base, tmp_path)
    [kept] = tmp_path.iterdir()
    whole = (kept / name).read_bytes()
    damage(kept / name)
    assert not (kept / name).exists() or (kept / name).read_bytes() != whole

    assert same_bits(load(base, tmp_path), load(base, None))
    assert "damaged and is quantised again" in caplog.text
    assert (kept / name).read_bytes() == whole


def test_a_small_base_is_not_kept(base, tmp_path, monkeypatch):
    monkeypatch.setattr(cached_base, "WORTH_KEEPING", 32 * 2**20)
    load(base, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_of_the_others_the_newest_stays_and_what_a_killed_process_left_is_removed(base, tmp_path):
    for age, name in enumerate(("part-killed", "newest", "older", "oldest")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (AGES_AGO - age, AGES_AGO - age))
    load(base, tmp_path)

    assert len(list(tmp_path.iterdir())) == 2
    assert (tmp_path / "newest").is_dir()


def test_what_cannot_be_kept_ends_no_load(base, tmp_path, caplog):
    (tmp_path / "file").touch()

    assert same_bits(load(base, tmp_path / "file" / "cache"), load(base, None))
    assert "is not kept" in caplog.text


@pytest.mark.parametrize(
    "full", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 9 bytes")]
)
def test_a_full_memory_is_no_damage(base, tmp_path, monkeypatch, full):
    load(base, tmp_path)

    def no_room(*_, **__):
        raise full

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", no_room)
    for cache in (tmp_path, None):
        with pytest.raises(RuntimeError) as raised:
            load(base, cache)
        assert raised.value is full
    assert len(list(tmp_path.iterdir())) == 1
