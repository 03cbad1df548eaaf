"""The named recipes: each composes to its figures, and puts its adapter on modules that its base has."""

import pytest

from services.domain.training import LoraRecipe, Recipe
from services.errors.training import ModuleMatchesNothing
from services.training.recipe import compose_recipe
from tests.services.training.named_recipes import BASES

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FUSED = ("qkv_proj", "o_proj")
SHORT_ANSWERS = {
    "epochs": 3.0,
    "batch_size": 4,
    "gradient_accumulation_steps": 4,
    "learning_rate": 1e-4,
    "warmup_ratio": 0.1,
    "scheduler": "cosine",
    "max_length": 512,
    "validation_share": 0.15,
    "logging_steps": 10,
    "checkpoint_steps": 100,
    "checkpoints_kept": 2,
}
ON_PHI3 = {
    "epochs": 1.0,
    "batch_size": 2,
    "gradient_accumulation_steps": 4,
    "learning_rate": 2e-4,
    "warmup_ratio": 0.03,
    "max_length": 1024,
    "optimizer": "paged_adamw_8bit",
}
FIGURES: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "phi3_mini": (("all-linear",), ON_PHI3),
    "phi3_persona": (FUSED, ON_PHI3),
    "mistral_7b": (ATTENTION, SHORT_ANSWERS),
    "llama3_8b": (ATTENTION, SHORT_ANSWERS),
    "phi3_128k": (
        FUSED,
        {
            "epochs": 3.0,
            "batch_size": 4,
            "gradient_accumulation_steps": 4,
            "learning_rate": 2e-4,
            "max_length": 512,
            "logging_steps": 10,
            "checkpoint_steps": 100,
        },
    ),
    "phi2_oasst": (
        ("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"),
        {
            "max_length": 256,
            "max_examples": 32_000,
            "checkpoint_steps": 100,
            "previews": 1,
            "optimizer": "adamw_torch",
        },
    ),
}


def named(name: str) -> Recipe:
    return compose_recipe(name, [], base_model=BASES[name].hub_name, base_revision="main")


@pytest.mark.parametrize("name", FIGURES)
def test_a_named_recipe_has_its_figures(name):
    recipe = named(name)
    modules, figures = FIGURES[name]

    assert recipe.model.name == BASES[name].hub_name
    assert recipe.lora == LoraRecipe(r=16, alpha=32, dropout=0.05, target_modules=modules)
    assert {key: getattr(recipe.training, key) for key in figures} == figures


def test_phi3_mini_is_what_such_a_base_gets_without_a_name():
    default = compose_recipe("default", [], base_model=BASES["phi3_mini"].hub_name, base_revision="main")

    assert named("phi3_mini").digest() == default.digest()


def test_previews_are_asked_for_only_where_there_is_something_to_preview():
    for name in BASES:
        training = named(name).training
        assert training.validation_share > 0 or training.previews == 0, name


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_module_of_a_recipe_is_in_every_layer_of_its_base(name):
    from services.training.adapter_weights import check_modules, linear_layers  # noqa: PLC0415 - torch
    from tests.services.training.architectures import architecture, layout  # noqa: PLC0415 - torch

    lora, model = named(name).lora, layout(architecture(BASES[name].architecture))
    check_modules(model, lora)

    there = [layer.rpartition(".")[2] for layer, _ in linear_layers(model)]
    wanted = set(there) if lora.target_modules == ("all-linear",) else lora.target_modules
    assert {module: there.count(module) for module in wanted} == dict.fromkeys(
        wanted, model.config.num_hidden_layers
    )


@pytest.mark.slow
def test_separate_projections_on_phi3_are_refused_with_the_names_it_has():
    from services.training.adapter_weights import check_modules  # noqa: PLC0415 - torch
    from tests.services.training.architectures import architecture, layout  # noqa: PLC0415 - torch

    with pytest.raises(ModuleMatchesNothing, match="qkv_proj"):
        check_modules(layout(architecture("Phi3")), named("mistral_7b").lora)


@pytest.mark.slow
def test_the_small_adapter_of_phi3_has_19_megabytes_in_bf16():
    from services.training.adapter_weights import linear_layers  # noqa: PLC0415 - torch
    from tests.services.training.architectures import architecture, layout  # noqa: PLC0415 - torch

    lora, model = named("phi3_persona").lora, layout(architecture("Phi3"))
    parameters = sum(
        lora.r * (layer.in_features + layer.out_features)
        for name, layer in linear_layers(model)
        if name.rpartition(".")[2] in lora.target_modules
    )
    per_layer = parameters / model.config.num_hidden_layers

    assert 32 * per_layer * 2 == pytest.approx(18.9e6, rel=0.01)
