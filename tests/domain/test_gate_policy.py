"""Policies of the gate: what asks nothing is refused, and what every one of them asks."""

import math

import pytest

from services.domain.gate_policy import GatePolicy, Requirement, with_kept
from services.errors.inputs import InvalidPolicy

STYLE = Requirement("style_hit", limit=0.5, minimum_items=100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "charm", "limit": 1.0},
        {"metric": "fact_hit"},
        {"metric": "fact_hit", "limit": math.nan},
        {"metric": "held_out_loss", "margin": math.inf},
        {"metric": "fact_hit", "limit": True},
        {"metric": "fact_hit", "limit": 10**400},
        {"metric": "fact_hit", "limit": 0.5, "minimum_items": "many"},
        {"metric": "fact_hit", "limit": 0.5, "minimum_items": 0},
        {"metric": "fact_hit", "limit": 0.5, "slice": ["overall"]},
    ],
)
def test_a_requirement_that_asks_nothing_is_refused(wrong: dict[str, object]):
    with pytest.raises(InvalidPolicy):
        Requirement(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": "charm"},
        {"alpha": 0.0},
        {"worse_alpha": 0.5},
        {"slice_margin": 0.0},
        {"slice_items": 0},
        {"alpha": 1e-20},
        {"slices_per_300": 1e300},
        {"approval": "no"},
        {"slice_margin": 1e300},
        {"target": 7},
    ],
)
def test_a_policy_that_asks_nothing_is_refused(wrong: dict[str, object]):
    with pytest.raises(InvalidPolicy):
        GatePolicy((STYLE,), **wrong)


def test_a_gate_without_requirements_is_refused():
    with pytest.raises(InvalidPolicy):
        GatePolicy(())


def test_every_policy_keeps_general_ability_and_safety_unless_it_says_otherwise():
    own = Requirement("safety", margin=0.01)
    kept = with_kept(GatePolicy((STYLE, own)))
    assert [one.metric for one in kept.requirements] == ["style_hit", "safety", "general_ability"]
    assert own in kept.requirements
    assert kept.improves == "style_hit"
