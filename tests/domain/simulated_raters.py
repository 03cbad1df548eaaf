"""People whose reliability is known, because they are drawn: the truth that tests of raters compare with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.domain.consensus import Opinions

Confusion = NDArray[np.float64]  # (choices, choices): right choice by choice made


def agrees(probability: float, *, choices: int = 3) -> Confusion:
    """Makes the right choice with this probability, else one of the others evenly."""
    confusion = np.full((choices, choices), (1 - probability) / (choices - 1))
    np.fill_diagonal(confusion, probability)
    return confusion


def always(*probabilities: float) -> Confusion:
    """Chooses so whatever is right."""
    return np.tile(probabilities, (len(probabilities), 1))


@dataclass(frozen=True)
class World:
    truth: NDArray[np.int_]  # (answers,)
    opinions: Opinions

    def accuracy(self, choice: NDArray[np.int_]) -> float:
        return float((choice == self.truth).mean())

    def majority(self, seed: int) -> NDArray[np.int_]:
        """The choice most often made of each answer, ties broken by lot."""
        votes = np.random.default_rng(seed).random((self.opinions.answers, self.opinions.choices)) / 2
        np.add.at(votes, (self.opinions.answer, self.opinions.choice), 1)
        return votes.argmax(axis=1)


def world(
    people: list[Confusion],
    *,
    seed: int,
    answers: int = 2000,
    opinions_each: int = 4,
    shares: tuple[float, ...] = (0.25, 0.2, 0.55),
) -> World:
    """Each answer judged by `opinions_each` of the people, drawn evenly; `shares` of the right choices."""
    chance = np.random.default_rng(seed)
    truth = chance.choice(len(shares), size=answers, p=shares)
    rater = chance.random((answers, len(people))).argsort(axis=1)[:, :opinions_each].ravel()
    answer = np.repeat(np.arange(answers), opinions_each)
    thresholds = np.array(people)[rater, truth[answer]].cumsum(axis=1)[:, :-1]
    choice = (chance.random(answer.size)[:, None] > thresholds).sum(axis=1)
    time = chance.permutation(answer.size)
    return World(truth, Opinions(answer[time], rater[time], choice[time], answers, len(people), len(shares)))
