"""What a policy may say, and that it survives being stored as JSON."""

import json
from dataclasses import asdict

import pytest

from services.domain.example_policy import Balance, ExamplePolicy
from services.domain.training import Objective
from services.errors.inputs import InvalidPolicy


@pytest.mark.parametrize(
    "wrong",
    [
        {"holdout_percent": 0},
        {"holdout_percent": 51},
        {"minimum_rows": 0},
        {"minimum_unpaired": 1},
        {"certainty": 1.0},
        {"agreeing_raters": 0},
        {"answers_per_prompt": 0},
        {"objectives": ()},
        {"objectives": ("ppo",)},
        {"objectives": "sft"},
        {"balance": ("height",)},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_name(wrong: dict[str, object]):
    (name,) = wrong
    with pytest.raises(InvalidPolicy, match=name):
        ExamplePolicy(**wrong)


def test_a_policy_is_the_same_after_it_was_stored():
    policy = ExamplePolicy(objectives=(Objective.SFT, Objective.KTO), balance=(Balance.AUDIENCE,))
    assert ExamplePolicy(**json.loads(json.dumps(asdict(policy)))) == policy
