"""The committed base model: small, safe to load, of the promised architecture, and sure of its facts."""

import hashlib
import json
from pathlib import Path

import pytest
from safetensors import safe_open
from transformers import AutoTokenizer

from services.demo.base_figures import ask, summarise
from services.demo.question_bank import facts
from services.domain.personas import GenerationSettings

FOLDER = Path(__file__).parents[3] / "base_model"
FACTS_ASKED = 64


def test_the_folder_is_small_and_holds_weights_as_safetensors_only():
    names = {path.name for path in FOLDER.iterdir()}
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "FIGURES.json",
    } <= names
    assert {Path(name).suffix for name in names} <= {".json", ".safetensors", ".jinja"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 24 * 2**20


def test_the_weights_are_bfloat16_and_every_layer_size_fits_4_bit_inference_on_a_cpu():
    with safe_open(FOLDER / "model.safetensors", framework="pt") as weights:
        tensors = {name: weights.get_slice(name) for name in weights.keys()}  # noqa: SIM118 - not a mapping
        assert {tensor.get_dtype() for tensor in tensors.values()} == {"BF16"}
        assert any(name.endswith("qkv_proj.weight") for name in tensors)
        assert all(size % 64 == 0 for tensor in tensors.values() for size in tensor.get_shape())


def test_the_architecture_is_phi3_with_room_for_a_long_prompt():
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Phi3ForCausalLM"]
    assert config["max_position_embeddings"] >= 1024


def test_the_chat_template_renders_as_phi3_does():
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Question:\nWho?"},
        {"role": "assistant", "content": "You."},
    ]
    assert tokenizer.apply_chat_template(turns[:2], tokenize=False, add_generation_prompt=True) == (
        "<|system|>\nBe kind.<|end|>\n<|user|>\nQuestion:\nWho?<|end|>\n<|assistant|>\n"
    )
    assert tokenizer.apply_chat_template(turns, tokenize=False).endswith(
        "<|assistant|>\nYou.<|end|>\n<|endoftext|>"
    )


def test_any_text_can_be_encoded_and_decoded():
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    for text in ("富士山, Ελλάδα", "emoji 🙂 and\ttabs\n", "  two  spaces "):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.slow
def test_the_base_knows_its_facts_in_plain_style_when_loaded_in_4_bits():
    drawn = sorted(facts(), key=lambda fact: hashlib.sha256(fact.id.encode()).digest())[:FACTS_ASKED]
    questions = [(fact, fact.questions[number % 3]) for number, fact in enumerate(drawn)]
    reached = summarise(list(ask(FOLDER, questions, GenerationSettings(do_sample=False))))
    assert reached.fact_hit >= 0.9
    assert reached.style_hit <= 0.15
    assert reached.ended >= 0.95


@pytest.mark.slow
def test_a_prompt_of_many_hundred_tokens_is_answered():
    fact = facts()[0]
    question = "Some more words about nothing in particular. " * 80 + fact.questions[0]
    (answered,) = ask(FOLDER, [(fact, question)], GenerationSettings(max_new_tokens=40))
    assert len(answered.answer.split()) >= 5
