"""Which stages a night runs, in which order, and that each decision has its reason."""

import pytest

from services.domain.disagreement import Disagreement
from services.domain.example_policy import ExamplePolicy
from services.domain.night_plan import Volume, plan_night
from services.domain.training import Objective

POLICY = ExamplePolicy(minimum_rows=50, minimum_pairs=50, minimum_unpaired=100)
SFT, DPO, KTO = Objective.SFT, Objective.DPO, Objective.KTO


@pytest.mark.parametrize(
    ("volume", "stages"),
    [
        (Volume(50, 0, 0, 0), (SFT,)),
        (Volume(49, 50, 0, 0), (DPO,)),
        (Volume(50, 50, 0, 0), (SFT, DPO)),
        (Volume(50, 49, 60, 40), (SFT, KTO)),
        (Volume(0, 0, 60, 40), (KTO,)),
        (Volume(0, 0, 59, 40), ()),
        (Volume(0, 50, 60, 40), (DPO,)),  # pairs say more
        (Volume(0, 0, 0, 0), ()),
    ],
)
def test_stages_follow_from_volume_and_kind(volume: Volume, stages: tuple[Objective, ...]):
    assert plan_night(volume, POLICY).stages == stages


@pytest.mark.parametrize(("desirable", "undesirable"), [(100, 0), (0, 100), (96, 4), (4, 96)])
def test_kto_needs_both_classes(desirable: int, undesirable: int):
    plan = plan_night(Volume(0, 0, desirable, undesirable), POLICY)
    assert plan.stages == ()
    assert (
        f"no KTO: {desirable} answers are good and {undesirable} poor, and it needs at least 5% of each"
        in (plan.reasons)
    )
    assert plan_night(Volume(0, 0, 95, 5), POLICY).stages == (KTO,)


def test_every_objective_has_its_reason():
    assert plan_night(Volume(70, 60, 80, 80), POLICY).reasons == (
        "SFT: 70 demonstrations",
        "DPO: 60 pairs",
        "no KTO: pairs say more than unpaired examples, and DPO learns from them",
    )


def test_not_tonight_says_what_is_missing():
    plan = plan_night(Volume(3, 2, 1, 0), POLICY)
    assert plan.stages == ()
    assert plan.reasons == (
        "no SFT: 3 demonstrations, and 50 are needed",
        "no DPO: 2 pairs, and 50 are needed",
        "no KTO: 1 unpaired examples, and 100 are needed",
    )


def test_an_objective_that_the_persona_does_not_want_never_runs():
    plan = plan_night(Volume(70, 60, 80, 80), ExamplePolicy(objectives=(SFT, KTO)))
    assert plan.stages == (SFT, KTO)
    assert "DPO is not among the persona's objectives" in plan.reasons


@pytest.mark.parametrize(
    ("pairs", "differing", "left_out"),
    [
        (100, 0.5, True),
        (100, 0.42, True),
        (100, 0.41, False),
        (10_000, 0.48, False),  # a little better than coins, beyond doubt
        (99, 0.5, False),  # too few to tell
    ],
)
def test_a_plan_says_that_comparisons_as_good_as_coin_flips_are_left_out(
    pairs: int, differing: float, *, left_out: bool
):
    plan = plan_night(Volume(70, 60, 80, 80), POLICY, Disagreement(0.4, pairs, differing, 1.0))
    assert plan.stages == (SFT, DPO)
    coins = f"on {differing:.0%} of {pairs} pairs compared by several people they differ, as coins would"
    assert plan.reasons[1] == "DPO: 60 pairs" + f"; comparisons are left out: {coins}" * left_out


def test_where_nobody_compared_twice_nothing_is_held_against_it():
    assert plan_night(Volume(0, 60, 0, 0), POLICY, Disagreement(0.1, 0, None, 0.0)).stages == (DPO,)


def test_a_plan_is_stored_in_words():
    assert plan_night(Volume(70, 60, 0, 0), POLICY).as_record()["stages"] == ["sft", "dpo"]
