"""Recipes: defaults from YAML, overrides by key, and a clear sentence for whatever is wrong."""

import logging
from dataclasses import fields, replace

import pytest
from omegaconf import OmegaConf

from services.domain.training import (
    LoraRecipe,
    ModelRecipe,
    OptimisationRecipe,
    PreferenceRecipe,
    Quantisation,
    Recipe,
)
from services.errors.inputs import InvalidRecipe
from services.training.recipe import RECIPES, compose_recipe


def compose(*overrides: str, name: str = "default", base_model: str = "some/base") -> Recipe:
    return compose_recipe(name, overrides, base_model=base_model, base_revision="abc")


def test_the_default_recipe_is_the_documented_one():
    recipe = compose(base_model="microsoft/Phi-3-mini-4k-instruct")

    assert recipe.model == ModelRecipe(
        "microsoft/Phi-3-mini-4k-instruct", "abc", Quantisation.NF4, "auto", "", ()
    )
    assert recipe.lora == LoraRecipe(r=16, alpha=32, dropout=0.05, target_modules=("all-linear",))
    assert recipe.training == OptimisationRecipe(
        epochs=1.0,
        batch_size=2,
        gradient_accumulation_steps=4,
        learning_rate=2e-4,
        weight_decay=1e-3,
        warmup_ratio=0.03,
        scheduler="cosine",
        max_length=1024,
        max_examples=0,
        gradient_checkpointing=True,
        optimizer="paged_adamw_8bit",
        logging_steps=5,
        checkpoint_steps=50,
        checkpoints_kept=2,
        max_seconds=0,
        validation_share=0.0,
        patience=3,
        previews=0,
        seed=42,
    )
    assert recipe.preference == PreferenceRecipe(
        beta=0.1, epochs=1.0, learning_rate=1e-5, desirable_ratio=1.0
    )


@pytest.mark.parametrize("name", ["default", "embedded"])
def test_every_recipe_composes_with_every_choice_of_every_group(name):
    for group in ("model", "lora", "training", "preference"):
        for choice in (RECIPES / group).glob("*.yaml"):
            compose(f"{group}={choice.stem}", name=name)


def test_every_group_file_has_exactly_the_fields_of_its_schema():
    schemas = {
        "model": ModelRecipe,
        "lora": LoraRecipe,
        "training": OptimisationRecipe,
        "preference": PreferenceRecipe,
    }
    for group, schema in schemas.items():
        wanted = {field.name for field in fields(schema)} - {"revision", "quantisation"}
        for choice in (RECIPES / group).glob("*.yaml"):
            assert set(OmegaConf.load(choice)) == wanted, choice


def test_overrides_change_single_values_and_whole_groups():
    recipe = compose("lora.r=8", "lora=embedded", "training.learning_rate=1e-3", "training.epochs=3")

    assert (recipe.lora.r, recipe.lora.dropout) == (8, 0.0)
    assert (recipe.training.learning_rate, recipe.training.epochs) == (1e-3, 3.0)
    assert compose("lora.target_modules=[qkv_proj,o_proj]").lora.target_modules == ("qkv_proj", "o_proj")


@pytest.mark.parametrize("base_model", ["persona/base_model", "/models/base_model", "/models/Base_Model"])
def test_the_model_group_follows_the_base(base_model):
    recipe = compose(base_model=base_model)

    assert recipe.model.name == base_model
    assert recipe.model.attention == "eager"
    assert compose(base_model="/models/other").model.attention == "auto"


def test_the_base_that_is_served_wins_over_the_model_group_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        recipe = compose("model=mistral_7b", base_model="microsoft/phi-2")

    assert recipe.model.name == "microsoft/phi-2"
    assert "BASE_MODEL is microsoft/phi-2 and wins over" in caplog.text


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("lora.rr=8", r"no key 'lora\.rr'; the nearest are lora\.r"),
        ("training.epoch=3", r"the nearest are training\.epochs"),
        ("lorra=default", "no key 'lorra'; the nearest are"),
        ("lora=embeded", "no lora group 'embeded'; the nearest are embedded"),
        ("model=phi3", "the nearest are phi2, phi3_mini_4k"),
        ("lora.r=eight", r"lora\.r is 'eight'"),
        ("lora.r='8'", r"lora\.r is '8'"),
        ("lora.r=8.0", r"lora\.r is 8\.0"),
        ("lora.r=true", r"lora\.r is True"),
        ("lora.r=null", r"lora\.r is None"),
        ("lora.r=0", r"lora\.r is 0 and must lie between 1 and 512"),
        ("lora.alpha=-1", r"lora\.alpha is -1"),
        ("lora.dropout=1", r"lora\.dropout is 1"),
        ("training.learning_rate=nan", r"training\.learning_rate is nan"),
        ("training.learning_rate=inf", r"training\.learning_rate is inf"),
        ("training.gradient_checkpointing=1", r"training\.gradient_checkpointing is 1"),
        ("training.scheduler=cosin", "must be one of constant"),
        ("training.optimizer=sgd", "must be one of adamw_8bit"),
        ("lora.target_modules=all-linear", r"lora\.target_modules is 'all-linear'"),
        ("lora.target_modules=[]", r"lora\.target_modules is empty"),
        ("lora.target_modules=[all-linear,o_proj]", "all-linear stands alone"),
        ("preference.desirable_ratio=1.4", r"must lie between 1 and 1\.33"),
        ("preference.beta=0", r"preference\.beta is 0"),
        ("training.max_seconds=-1", r"training\.max_seconds is -1"),
        ("model.new_tokens=[asks]", r"model\.new_tokens names 'asks': write <\|name\|>"),
        ("model.new_tokens=['<|As ks|>']", "write <"),
        ("model.new_tokens=['<|a|>','<|a|>']", r"names <\|a\|> twice"),
        ("model.new_tokens=['<|asks|>']", "which model.chat_template does not use"),
        ("model.name=other", "set BASE_MODEL"),
        ("model.revision=other", "set BASE_REVISION"),
        ("model.quantisation=none", "set BASE_QUANTISATION"),
        ("lora.r=4,8", "one value"),
        ("+lora.r=8", "not of the form"),
        ("++lora.r=8", "not of the form"),
        ("~lora.r", "not of the form"),
        ("lora@other=default", "not of the form"),
        ("hydra.run.dir=/tmp", "no key"),
        ("lora.r", "not of the form"),
        ("", "not of the form"),
        ("lora.r=8)", "not of the form"),
    ],
)
def test_a_wrong_override_is_refused_with_a_sentence_about_it(override, sentence):
    with pytest.raises(InvalidRecipe, match=sentence):
        compose(override)


def test_an_unknown_recipe_is_refused_with_the_nearest_name():
    with pytest.raises(InvalidRecipe, match="no recipe 'embeded'; the nearest are embedded"):
        compose(name="embeded")


def test_an_override_cannot_read_the_environment_into_a_recipe(monkeypatch):
    monkeypatch.setenv("A_SECRET", "s3cret")

    assert "s3cret" not in compose("model.chat_template=${oc.env:A_SECRET}").model.chat_template


def test_the_digest_tells_recipes_apart_and_nothing_else():
    assert compose("lora.r=8", "lora.alpha=16").digest() == compose("lora.alpha=16", "lora.r=8").digest()
    assert compose().digest() == compose("lora.r=16").digest()
    assert compose().digest() != compose("lora.r=8").digest()


def test_a_recipe_without_new_tokens_keeps_the_digest_it_had_before_there_were_any():
    """A change to what is digested makes every run of before another run."""
    recipe = compose_recipe("embedded", [], base_model="some/base", base_revision="main")

    assert recipe.digest() == "e1a448ce83e6088765c4e351a8a5e418b6286fe3be70c5c15be842c2ab2674da"
    model = replace(recipe.model, new_tokens=("<|user|>",))
    assert replace(recipe, model=model).digest() != recipe.digest()
