"""What docs/recipes.md says to change is trained with: every override, as many as go together at once."""

import json
import math
from itertools import count
from pathlib import Path

import pytest
from transformers import LlamaConfig

from services.domain.training import Objective
from services.training.recipe import compose_recipe
from services.training.trainer import TrainingJob
from tests.services.training import test_validation
from tests.services.training.conftest import make_judgement, make_pair, make_row, write_rows
from tests.services.training.running import train
from tests.services.training.test_recipes_guide import IN_COMMANDS, OVERRIDES
from tests.services.training.tiny_base import write_base

pytestmark = [
    pytest.mark.slow,
    # The library's KTO speaks to its own base by the old name.
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_(dis|en)able:FutureWarning"),
]

ROWS = 6
# These start a process that scores, and test_validation trains with each.
VALIDATING = ("training.patience", "training.previews", "training.validation_share")
SEPARATE = "lora=attention"  # its layers are Llama's and Mistral's, and not those of Phi-3
PREFERENCES = (Objective.DPO, Objective.KTO)


def together(overrides: list[str]) -> list[list[str]]:
    """Groups without two values for one setting; an exchanged group of layers is one for the layers, too."""
    groups: list[dict[str, str]] = []
    for override in overrides:
        key = override.partition("=")[0].replace("lora.target_modules", "lora")
        place = next(number for number in count() if number == len(groups) or key not in groups[number])
        if place == len(groups):
            groups.append({})
        groups[place][key] = override
    return [list(group.values()) for group in groups]


ASKED = sorted({*OVERRIDES, *IN_COMMANDS})
VALIDATED = [one for one in ASKED if one.partition("=")[0] in VALIDATING]
TRAINED = together([one for one in ASKED if one not in (*VALIDATED, SEPARATE)])


def test_every_override_of_the_guide_is_trained_with_somewhere():
    trained = [one for group in TRAINED for one in group]

    assert sorted([*trained, *VALIDATED, SEPARATE]) == ASKED
    validation = Path(test_validation.__file__).read_text(encoding="utf-8")
    assert all(f'"{setting}=' in validation for setting in VALIDATING)


@pytest.mark.parametrize(("number", "overrides"), list(enumerate(TRAINED)))
def test_overrides_of_the_guide_train(base, tmp_path, number, overrides):
    """A stage for demonstrations and one of the two for preferences, in turn."""
    makers = (make_row, (make_pair, make_judgement)[number % 2])
    rows = write_rows(tmp_path / "rows", [make(index) for make in makers for index in range(ROWS)])
    stages = (Objective.SFT, PREFERENCES[number % 2])
    recipe = compose_recipe("default", overrides, base_model=str(base), base_revision="main")

    adapter = train(TrainingJob(rows, recipe, tmp_path / "work", stages=stages)).adapter

    assert all(stage.steps and math.isfinite(stage.final_loss) for stage in adapter.stages)
    assert len(adapter.stages) == 2


def test_layers_of_another_architecture_train_there(tmp_path):
    write_base(tmp_path / "base", [json.dumps(make_row(index)) for index in range(ROWS)], LlamaConfig)
    rows = write_rows(tmp_path / "rows", [make_row(index) for index in range(ROWS)])
    recipe = compose_recipe("default", [SEPARATE], base_model=str(tmp_path / "base"), base_revision="main")

    assert train(TrainingJob(rows, recipe, tmp_path / "work")).adapter.steps
