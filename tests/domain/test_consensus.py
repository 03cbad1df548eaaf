import numpy as np
import pytest

from services.domain.consensus import Choice, Opinions, find_consensus
from services.errors.inputs import InvalidOpinions
from tests.domain.simulated_raters import agrees, always, world

CROWD = [agrees(0.85)] * 30 + [agrees(0.5)] * 10 + [always(0.02, 0.03, 0.95)] * 5 + [agrees(0.05)] * 4


def opinions(*given: tuple[int, int, Choice], answers: int, raters: int) -> Opinions:
    answer, rater, choice = np.array(given, dtype=int).reshape(-1, 3).T
    return Opinions(answer, rater, choice, answers, raters)


@pytest.mark.parametrize("opinions_each", [3, 4])
def test_consensus_finds_the_truth_six_points_more_often_than_a_majority_of_votes(opinions_each: int) -> None:
    found, voted = [], []
    for seed in range(3):
        simulated = world(CROWD, seed=seed, opinions_each=opinions_each)
        consensus = find_consensus(simulated.opinions)
        assert consensus.converged
        found.append(simulated.accuracy(consensus.posterior.argmax(axis=1)))
        voted.append(simulated.accuracy(simulated.majority(seed)))

    assert np.mean(found) >= np.mean(voted) + 0.06


def test_posteriors_are_as_sure_as_they_are_right() -> None:
    simulated = world(CROWD, seed=1, answers=6000)
    posterior = find_consensus(simulated.opinions).posterior
    sureness, right = posterior.max(axis=1), posterior.argmax(axis=1) == simulated.truth

    for low, high in ((0.4, 0.7), (0.7, 0.9), (0.9, 1.0)):
        band = (sureness > low) & (sureness <= high)
        assert band.sum() > 100
        assert sureness[band].mean() == pytest.approx(right[band].mean(), abs=0.05)


def test_reliability_tells_good_noisy_and_hostile_raters_apart() -> None:
    consensus = find_consensus(world(CROWD, seed=2).opinions)

    assert consensus.reliability[:30] == pytest.approx(0.85, abs=0.1)
    assert consensus.reliability[30:40] == pytest.approx(0.5, abs=0.15)
    assert consensus.reliability[45:].max() < 0.25
    # Those who give everything 5 stars are right where it is good: their matrix shows that they say nothing.
    lazy = consensus.confusion[40:45, :, Choice.GOOD]
    assert lazy.min() > 0.7


def test_some_who_turn_everything_round_on_the_same_answers_do_not_turn_the_rest_round() -> None:
    """On a third of the answers they are the majority, and agree with each other better than the others."""
    chance = np.random.default_rng(1)
    truth = chance.choice([Choice.POOR, Choice.GOOD], 400)
    given = []
    for rater in range(40):
        hostile = rater >= 28
        for answer in chance.choice(132 if hostile else 400, 60, replace=False).tolist():
            lies = [2 - truth[answer]] if hostile else [one for one in Choice if one != truth[answer]]
            honest = chance.random() < (0.0 if hostile else 0.8)
            given.append((answer, rater, truth[answer] if honest else chance.choice(lies)))
    consensus = find_consensus(opinions(*given, answers=400, raters=40))
    right = consensus.posterior.argmax(axis=1) == truth
    assert right[132:].mean() > 0.9
    assert consensus.reliability[:28].min() > 0.5


def test_one_opinion_of_an_unknown_rater_leaves_room_for_doubt() -> None:
    alone = opinions((0, 0, Choice.GOOD), answers=2, raters=1)

    consensus = find_consensus(alone)

    assert 0.5 < consensus.posterior[0, Choice.GOOD] < 0.9
    assert consensus.posterior[1] == pytest.approx(consensus.prior)  # nobody judged it
    assert consensus.evidence.tolist() == [0]


def test_a_thousand_opinions_that_nobody_checked_teach_nothing_about_a_rater() -> None:
    checked = [(answer, rater, Choice.GOOD) for answer in range(20) for rater in (0, 1)]
    alone = [(answer, 2, Choice.GOOD) for answer in range(20, 1020)]

    consensus = find_consensus(opinions(*checked, *alone, answers=1020, raters=4))

    assert consensus.evidence.tolist() == [20, 20, 0, 0]
    assert consensus.confusion[2] == pytest.approx(consensus.population)
    assert consensus.reliability[2] == pytest.approx(consensus.reliability[3])


def test_a_rater_with_little_said_is_read_as_the_population() -> None:
    simulated = world([*([agrees(0.85)] * 20), agrees(0.0)], seed=5).opinions
    early = simulated.where((simulated.rater < 20) | (np.cumsum(simulated.rater == 20) <= 2))

    known, unknown = find_consensus(simulated).reliability[20], find_consensus(early).reliability[20]

    assert known < 0.1
    assert unknown > 0.5


def test_a_flooder_does_not_set_what_strangers_are_taken_for() -> None:
    honest = world([agrees(0.9)] * 20, seed=3, answers=1000, opinions_each=2).opinions
    flood = np.arange(1000)
    flooded = Opinions(
        np.concatenate([honest.answer, flood]),
        np.concatenate([honest.rater, np.full(1000, 20)]),
        np.concatenate([honest.choice, np.full(1000, Choice.GOOD)]),
        answers=1000,
        raters=22,
    )

    stranger = find_consensus(flooded).confusion[21]

    assert stranger[Choice.POOR, Choice.GOOD] < 0.15


def test_the_same_opinions_give_the_same_numbers() -> None:
    simulated = world(CROWD, seed=4).opinions

    first, second = find_consensus(simulated), find_consensus(simulated)

    assert np.array_equal(first.posterior, second.posterior)
    assert np.array_equal(first.confusion, second.confusion)


def test_no_opinions_give_a_consensus_of_nothing() -> None:
    consensus = find_consensus(opinions(answers=3, raters=2))

    assert consensus.posterior == pytest.approx(1 / 3)
    assert consensus.converged


@pytest.mark.parametrize(
    ("given", "answers", "raters"),
    [
        ([(0, 0, 2), (0, 0, 1)], 1, 1),
        ([(0, 0, 3)], 1, 1),
        ([(1, 0, 2)], 1, 1),
        ([(0, 1, 2)], 1, 1),
        ([(0, 0, -1)], 1, 1),
    ],
    ids=["two of one rater", "no such choice", "no such answer", "no such rater", "a negative choice"],
)
def test_opinions_that_do_not_fit_together_are_refused(
    given: list[tuple[int, int, Choice]], answers: int, raters: int
) -> None:
    with pytest.raises(InvalidOpinions):
        opinions(*given, answers=answers, raters=raters)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidOpinions, match="length"):
        Opinions(np.array([0, 1]), np.array([0]), np.array([0, 1]), answers=2, raters=1)


def test_what_earlier_answers_taught_holds_while_new_ones_are_judged() -> None:
    """Half of the answers and then the other half, against all of them together."""
    simulated = world(CROWD, seed=3).opinions
    late = simulated.answer >= simulated.answers // 2
    whole = find_consensus(simulated)
    first = find_consensus(simulated.where(~late))
    second = find_consensus(
        simulated.where(late), earlier=first.taught, new=np.ones(int(late.sum()), dtype=bool)
    )
    alone = find_consensus(simulated.where(late))
    apart = np.abs(second.reliability - whole.reliability).mean()

    assert apart < 0.01
    assert apart < np.abs(alone.reliability - whole.reliability).mean() / 2
    assert np.allclose(second.taught.counts.sum(), whole.taught.counts.sum())


def test_opinions_that_taught_already_do_not_teach_twice() -> None:
    simulated = world(CROWD, seed=3).opinions
    first = find_consensus(simulated)
    again = find_consensus(simulated, earlier=first.taught, new=np.zeros(simulated.choice.size, dtype=bool))

    assert np.allclose(again.taught.counts, first.taught.counts)
    assert np.allclose(again.reliability, first.reliability, atol=1e-3)
