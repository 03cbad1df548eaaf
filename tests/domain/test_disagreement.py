import numpy as np
import pytest

from services.domain.consensus import Opinions
from services.domain.disagreement import (
    COIN_PAIRS,
    LARGEST_FLIP,
    Disagreement,
    Preference,
    measure_disagreement,
)
from services.errors.inputs import InvalidPolicy
from tests.domain.simulated_raters import agrees, world

DEFAULT = 0.1


def judged(*pairs: list[Preference]) -> Opinions:
    """Each pair's judgements, by raters 0, 1, 2, ... in that order."""
    given = [(pair, rater, choice) for pair, row in enumerate(pairs) for rater, choice in enumerate(row)]
    pair, rater, choice = np.array(given, dtype=int).reshape(-1, 3).T
    return Opinions(pair, rater, choice, answers=len(pairs), raters=10, choices=4)


@pytest.mark.parametrize("opinions_each", [2, 3, 5])
@pytest.mark.parametrize("flip", [0.05, 0.15, 0.3])
def test_the_flip_probability_of_simulated_people_is_found(flip: float, opinions_each: int) -> None:
    people = [agrees(1 - flip, choices=2)] * 20
    binary = world(people, seed=7, opinions_each=opinions_each, shares=(0.5, 0.5)).opinions
    judgements = Opinions(
        binary.answer, binary.rater, binary.choice, binary.answers, binary.raters, choices=4
    )

    assert measure_disagreement(judgements, default=DEFAULT).flip == pytest.approx(flip, abs=0.025)


def test_without_pairs_judged_twice_it_is_the_default() -> None:
    once = judged([Preference.LEFT], [Preference.RIGHT], [Preference.TIE])

    assert measure_disagreement(once, default=DEFAULT) == Disagreement(DEFAULT, 0, None, 0.0)


def test_a_few_disagreements_move_the_default_only_a_little() -> None:
    few = judged([Preference.LEFT, Preference.RIGHT])

    measured = measure_disagreement(few, default=DEFAULT)

    assert DEFAULT < measured.flip < 0.15
    assert (measured.pairs, measured.differing) == (1, 1.0)


def test_people_who_agree_no_more_than_coins_stay_below_the_largest_flip() -> None:
    quarrel = judged(*([Preference.LEFT, Preference.RIGHT] for _ in range(500)))

    assert measure_disagreement(quarrel, default=DEFAULT).flip == LARGEST_FLIP < 0.5


def test_ties_and_both_bad_are_no_disagreement() -> None:
    undecided = judged(*([Preference.LEFT, Preference.TIE, Preference.BOTH_BAD] for _ in range(100)))

    assert measure_disagreement(undecided, default=DEFAULT) == Disagreement(DEFAULT, 0, None, 0.0)


@pytest.mark.parametrize("default", [0.0, 0.45, 0.5])
def test_a_default_that_robust_dpo_cannot_use_is_refused(default: float) -> None:
    with pytest.raises(InvalidPolicy):
        measure_disagreement(judged([Preference.LEFT]), default=default)


@pytest.mark.parametrize(("right", "chance"), [(0.5, True), (0.8, False), (0.95, False)])
def test_coins_are_told_from_people_who_look(right: float, *, chance: bool) -> None:
    found = []
    for seed in range(20):
        binary = world(
            [agrees(right, choices=2)] * 20, seed=seed, opinions_each=2, shares=(0.5, 0.5)
        ).opinions
        many = Opinions(binary.answer, binary.rater, binary.choice, binary.answers, binary.raters, choices=4)
        found.append(measure_disagreement(many, default=DEFAULT).is_chance)

    assert found.count(chance) >= 18


def test_a_few_pairs_are_no_evidence_of_coins() -> None:
    differing = judged(*[[Preference.LEFT, Preference.RIGHT]] * (COIN_PAIRS - 1))

    assert not measure_disagreement(differing, default=DEFAULT).is_chance


def test_two_who_quarrel_do_not_speak_for_everybody() -> None:
    """A hundred pairs that only they compared, beside thirty people who compared pairs of their own."""
    quarrel = [(pair, rater, rater) for pair in range(COIN_PAIRS) for rater in (0, 1)]
    others = [(COIN_PAIRS + number, 2 + number % 30, Preference.LEFT) for number in range(120)]
    pair, rater, choice = np.array([*quarrel, *others]).T
    measured = measure_disagreement(Opinions(pair, rater, choice, 220, 32, choices=4), default=DEFAULT)

    assert not measured.is_chance
    assert measured.spoken_for < 0.2
    assert measured.flip < 0.2


def test_two_who_quarrel_outweigh_nobody_who_agrees() -> None:
    """Thirty people agree in pairs on two pairs each; two quarrel over a hundred."""
    quarrel = [(pair, rater, rater) for pair in range(COIN_PAIRS) for rater in (0, 1)]
    agreeing = [
        (COIN_PAIRS + 2 * couple + pair, 2 + 2 * couple + one, Preference.LEFT)
        for couple in range(15)
        for pair in (0, 1)
        for one in (0, 1)
    ]
    pair, rater, choice = np.array([*quarrel, *agreeing]).T
    measured = measure_disagreement(Opinions(pair, rater, choice, 130, 32, choices=4), default=DEFAULT)

    assert measured.spoken_for == 1.0
    assert not measured.is_chance
    assert measured.flip < DEFAULT + 0.05


def test_among_themselves_two_are_everybody() -> None:
    quarrel = [[Preference.LEFT, Preference.RIGHT]] * COIN_PAIRS

    assert measure_disagreement(judged(*quarrel), default=DEFAULT).is_chance
