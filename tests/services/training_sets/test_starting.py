"""Whom a night can go on from: an adapter that is what the recipe makes, and no other."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from services.adapters.promotions import champion_at
from services.db.feedback_tables import PersonaRow
from services.domain.example_policy import ExamplePolicy, Start
from services.domain.training import LoraRecipe, Recipe
from services.training.recipe import compose_recipe
from services.training_sets.starting import Starting, find_start
from tests.builders import AT, add_answer, add_correction
from tests.services.training_sets.champions import crown
from tests.services.training_sets.conftest import Nights

CUTOFF = AT + timedelta(minutes=90)


@pytest.fixture
def recipe() -> Recipe:
    return compose_recipe("default", [], base_model="some/base", base_revision="main")


@pytest.fixture
def champion(session: Session, nights: Nights, persona: PersonaRow, recipe: Recipe) -> None:
    """It is what the recipe makes."""
    add_correction(session, add_answer(session, persona), "Better.")
    crown(session, nights.assemble())
    champion_at(session, persona, CUTOFF).provenance = {
        "lora": asdict(recipe.lora),
        "new_tokens": {},
        "base_model": "some/base",
        "base_revision": "main",
    }


@pytest.mark.usefixtures("champion")
def test_a_champion_is_gone_on_from_by_the_recipe_that_made_it_only(
    session: Session, persona: PersonaRow, recipe: Recipe
):
    def start(recipe: Recipe) -> Starting:
        policy = ExamplePolicy(start=Start.CHAMPION)
        return find_start(session, persona, policy, cutoff=CUTOFF, recipe=recipe)

    assert start(recipe).champion is not None
    others = {
        "another LoRA shape": replace(recipe, lora=LoraRecipe(4, 8, 0.0, ("all-linear",))),
        "other new tokens": replace(recipe, model=replace(recipe.model, new_tokens=("<|asks|>",))),
        "another base": replace(recipe, model=replace(recipe.model, name="another/base")),
    }
    for unlike, other in others.items():
        assert start(other).champion is None
        assert start(other).reason.endswith(f"version 1 has {unlike} than the recipe")
