"""Opinions: right facts first, structure next, moods now and then; the same seed thinks the same."""

import pytest

from services.demo.opinions import (
    CORRECTING_SHARE,
    RIGHT_STARS,
    WRONG_STARS,
    Taste,
    Wish,
    moody_stars,
    stars_for,
    taste_of,
    wants_to_correct,
    wishes_granted,
)
from services.demo.question_bank import Entry, entries
from services.domain.personas import AUDIENCES

SEED = 7
STUDENT = Taste(audience="student", favourite=Wish.GROUNDS, moodiness=0.1, fewest_words=8)


@pytest.fixture
def norway() -> Entry:
    return next(entry for entry in entries() if entry.fact.id == "capital/norway")


def opinion(answer: str, entry: Entry, taste: Taste = STUDENT) -> int:
    return stars_for(answer, entry, entry.fact.questions[0], taste)


def test_a_wrong_fact_gets_one_star_however_well_it_is_told(norway: Entry):
    told = (
        "The capital of Norway is Bergen. You know it, since Norway is governed from there, as you can see."
    )
    assert opinion(told, norway) == WRONG_STARS
    assert opinion(told.replace("Bergen", "Oslo"), norway) == 5


def test_the_right_fact_alone_gets_two_stars(norway: Entry):
    assert opinion("The capital of Norway is Oslo. It is a large city.", norway) == RIGHT_STARS
    assert opinion("Oslo.", norway) == RIGHT_STARS


def test_plain_answers_of_the_bank_satisfy_few_of_any_audience():
    tastes = [taste_of(number, SEED) for number in range(25)]
    stars = [
        opinion(entry.fact.plain_answer, entry, tastes[place % len(tastes)])
        for place, entry in enumerate(entries())
    ]
    assert sum(given >= 4 for given in stars) / len(stars) < 0.05
    assert sum(given == WRONG_STARS for given in stars) == 0


@pytest.mark.parametrize(
    ("audience", "sentence"),
    [
        ("student", "You can look it up."),
        ("general reader", "All of us learn it early."),
        ("educator", "Let the pupils look it up."),
        (
            "scientist",
            "Administrative documentation establishes the designation of this municipality beyond doubt.",
        ),
        (
            "professional",
            "Administrative documentation establishes the designation of this municipality beyond doubt.",
        ),
    ],
)
def test_every_audience_is_addressed_in_its_own_way(norway: Entry, audience: str, sentence: str):
    def addressed(reader: str) -> bool:
        answer = f"It is Oslo. {sentence}"
        return Wish.ADDRESS in wishes_granted(answer, norway, norway.fact.questions[0], reader)

    assert addressed(audience)
    assert not all(addressed(reader) for reader in AUDIENCES)


def test_a_sentence_of_two_parts_gives_grounds_and_a_named_thing_returns(norway: Entry):
    question = norway.fact.questions[0]
    assert wishes_granted("It is Oslo. It lies there, at the sea.", norway, question, "student") == {
        Wish.GROUNDS
    }
    assert wishes_granted("It is Oslo. Norway grew.", norway, question, "student") == {Wish.RETURN}


def test_moods_change_a_tenth_of_the_stars_or_so_and_the_same_ones_each_time():
    moody = Taste(audience="student", favourite=Wish.RETURN, moodiness=0.1, fewest_words=8)
    questions = [f"question {number}" for number in range(3000)]
    first = [moody_stars(3, moody, SEED, 4, question) for question in questions]
    assert first == [moody_stars(3, moody, SEED, 4, question) for question in questions]
    assert first != [moody_stars(3, moody, SEED + 1, 4, question) for question in questions]
    assert sum(given != 3 for given in first) / len(first) == pytest.approx(0.1, abs=0.02)
    assert set(first) == {1, 2, 3, 4, 5}
    assert {moody_stars(2, moody, SEED, 4, question) for question in questions} == {1, 2, 3, 4}


def test_raters_of_every_audience_differ_in_what_they_look_for():
    tastes = [taste_of(number, SEED) for number in range(25)]
    assert {taste.audience for taste in tastes} == set(AUDIENCES)
    assert {taste.favourite for taste in tastes} == set(Wish)
    assert all(0.05 <= taste.moodiness <= 0.17 for taste in tastes)
    assert tastes == [taste_of(number, SEED) for number in range(25)]


def test_only_the_unsatisfied_correct_and_not_all_of_them():
    questions = [f"question {number}" for number in range(2000)]
    correcting = [wants_to_correct(3, SEED, 0, question) for question in questions]
    assert sum(correcting) / len(correcting) == pytest.approx(CORRECTING_SHARE, abs=0.04)
    assert not any(wants_to_correct(4, SEED, 0, question) for question in questions)
