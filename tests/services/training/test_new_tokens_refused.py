"""New tokens that a base has no place for: one sentence each, before more than its configuration is read."""

import json
from dataclasses import replace

import pytest
from transformers import PhiConfig

from services.errors.inputs import InvalidRecipe
from services.training.qlora import QloraTrainer
from services.training.recipe import compose_recipe
from services.training.trainer import TrainingJob
from tests.services.training.tiny_base import write_base

pytestmark = pytest.mark.slow  # imports torch

OWN_END = "{% for message in messages %}<|asks|>{{ message['content'] }}<|asks|>{% endfor %}"


@pytest.mark.parametrize(
    ("token", "template", "of_config", "sentence"),
    [
        (
            "<|asks|>",
            "<|asks|>",
            {"vocab_size": 0},
            "0 embeddings and .* leave no room for the 1 of model.new",
        ),
        ("<|endoftext|>", "<|endoftext|>", {}, r"has <\|endoftext\|> already"),
        ("<|asks|>", "<|asks|>", {"tie_word_embeddings": True}, "writes with the embeddings that it reads"),
        ("<|asks|>", OWN_END, {}, "closes an answer with one of model.new_tokens"),
    ],
)
def test_what_a_base_has_no_place_for_is_refused(rows_file, tmp_path, token, template, of_config, sentence):
    base = tmp_path / "phi-2"
    write_base(base, ["light bends in water"], PhiConfig)
    (base / "model.safetensors").unlink()
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | of_config))
    recipe = compose_recipe("phi2_oasst", [], base_model=str(base), base_revision="main")
    model = replace(recipe.model, new_tokens=(token,), chat_template=template)
    job = TrainingJob(rows_file, replace(recipe, model=model), tmp_path / "work")

    with pytest.raises(InvalidRecipe, match=sentence):
        QloraTrainer().train(job, progress=lambda _: None)
