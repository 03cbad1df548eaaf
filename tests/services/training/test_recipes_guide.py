"""docs/recipes.md keeps its word: every override and setting it names is one, and none is left out."""

import json
import re
from dataclasses import fields, replace

import pytest

from services.domain.answer_formats import AnswerRules, rules_of
from services.domain.personas import GenerationSettings, default_generation
from services.domain.training import Objective, Recipe
from services.settings import ROOT
from services.training.grid import read_grid
from services.training.recipe import compose_recipe
from tests.services.training.named_recipes import BASES

GUIDE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`\n]+)`", GUIDE)
OVERRIDES = sorted({text for text in QUOTED if re.match(r"(model|lora|training|preference)[.\w]*=", text)})
SWEEPS = re.findall(r"`persona-loop sweep ([^`]+)`", GUIDE)
IN_COMMANDS = re.findall(r"--set (\S+)", GUIDE)
POLICIES = sorted({text for text in QUOTED if text.startswith("{")})


def table_rows(heading: str) -> list[list[str]]:
    section = re.split(r"^#+ ", GUIDE.split(heading)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("override", [*OVERRIDES, *IN_COMMANDS])
def test_every_override_of_the_guide_composes(override):
    compose_recipe("default", [override], base_model="some/base", base_revision="main")


@pytest.mark.parametrize("sweep", SWEEPS)
def test_every_sweep_of_the_guide_is_a_grid_whose_combinations_compose(sweep):
    for overrides in read_grid(sweep.split()).combinations():
        compose_recipe("default", overrides, base_model="some/base", base_revision="main")


def test_what_can_be_wrong_with_training_has_a_sweep():
    wrong = [
        row[0] for row in table_rows("## When something is wrong") if "` `" in row[1] or "_rate" in row[1]
    ]
    compared = [row[0] for row in table_rows("## Comparing before a night") if "sweep" in row[1]]

    assert len(wrong) >= 6
    assert all(any(seen.partition(":")[0] == one for one in compared) for seen in wrong)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_setting_of_answers_in_the_guide_is_one(policy):
    stored = json.loads(policy)

    assert stored
    assert set(stored) <= {"generation", "answers"}
    rules = rules_of(stored.get("answers", {}))
    replace(default_generation(rules), **stored.get("generation", {}))


def test_the_overrides_of_one_row_compose_together():
    rows = [row for row in table_rows("## When something is wrong") if len(row) == 3]
    asked = [[text for text in re.findall(r"`([^`]+)`", row[1]) if text in OVERRIDES] for row in rows]

    assert sum(bool(overrides) for overrides in asked) == 8
    for overrides in asked:
        compose_recipe("default", overrides, base_model="some/base", base_revision="main")


def test_every_setting_has_a_row_with_an_override_of_its_own():
    explained = {setting for setting in QUOTED if f"| `{setting}` |" in GUIDE}
    exercised = {override.partition("=")[0] for override in OVERRIDES}
    settings = {f"{group.name}.{field.name}" for group in fields(Recipe) for field in fields(group.type)}
    settings -= {"model.name", "model.revision", "model.quantisation"}  # they follow the environment

    assert settings <= explained
    assert settings <= exercised
    assert {field.name for field in fields(GenerationSettings)} <= explained
    assert {field.name for field in fields(AnswerRules)} <= explained


@pytest.mark.parametrize("name", BASES)
def test_the_figures_of_a_named_recipe_in_the_table_are_its_own(name):
    recipe = compose_recipe(name, [], base_model=BASES[name].hub_name, base_revision="main")
    training = recipe.training
    [row] = [row for row in table_rows("## Named recipes") if row[0] == f"`{name}`"]

    assert BASES[name].folder_name.casefold().startswith(row[1].casefold().replace("llama-3", "meta-llama-3"))
    batch = f"{training.batch_size} × {training.gradient_accumulation_steps}"  # noqa: RUF001 - as printed
    assert row[3] == f"{training.epochs:.0f}, {batch}"
    warmup = f"{training.warmup_ratio:.0%}".replace("%", " %") if training.warmup_ratio else "none"
    rate, _, shown_warmup = row[4].partition(", ")
    assert (float(rate), shown_warmup) == (training.learning_rate, warmup)
    assert int(row[5]) == training.max_length


@pytest.mark.slow
@pytest.mark.parametrize("name", BASES)
def test_the_memory_of_a_named_recipe_in_the_table_is_what_is_counted(name, tmp_path):
    from services.training.dataset import TokenisedRow  # noqa: PLC0415 - torch
    from services.training.memory import estimate_memory  # noqa: PLC0415 - torch
    from services.training.stages import Stage  # noqa: PLC0415 - torch
    from tests.services.training.architectures import write_config  # noqa: PLC0415 - torch

    write_config(name, tmp_path)
    recipe = compose_recipe(name, [], base_model=str(tmp_path), base_revision="main")
    longest = TokenisedRow([1] * recipe.training.max_length, [1] * recipe.training.max_length)
    held = [longest] if recipe.training.validation_share else []
    [row] = [row for row in table_rows("## Named recipes") if row[0] == f"`{name}`"]

    estimate = estimate_memory(recipe, [Stage(1, Objective.SFT, [longest], held)])

    assert row[-1] == f"{estimate.total / 2**30:.1f} GiB"
