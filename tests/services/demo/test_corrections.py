"""Corrections: fluent, the fact first, written for their reader, and wrong in one of ten."""

import re
from itertools import islice

import pytest

from services.demo.corrections import MISTAKEN_SHARE, BetterAnswer, better_answer, manners
from services.demo.opinions import stars_for, taste_of
from services.demo.question_bank import Entry, entries
from services.domain.personas import AUDIENCES

SEED = 7
STATEMENT = 130  # characters that the longest first sentence takes


def written() -> list[tuple[Entry, str, BetterAnswer]]:
    """A correction of every fact of the bank, audiences and phrasings in turn."""
    return [
        (
            entry,
            AUDIENCES[place % 5],
            better_answer(entry, place % 3, AUDIENCES[place % 5], seed=SEED, rater=1),
        )
        for place, entry in enumerate(entries())
    ]


def test_there_is_a_manner_for_every_audience():
    assert set(manners()) == set(AUDIENCES)


def test_a_tenth_states_a_wrong_fact_and_the_others_the_right_one_at_once():
    mistaken = 0
    for entry, _, better in written():
        mistaken += better.mistaken
        said = entry.fact.answer_key.casefold() in better.text.casefold()[:STATEMENT]
        assert said or better.mistaken, better.text
    assert mistaken / len(entries()) == pytest.approx(MISTAKEN_SHARE, abs=0.03)


def test_a_mistaken_correction_names_another_answer_of_the_same_kind():
    wrong = [(entry, better) for entry, _, better in written() if better.mistaken]
    assert wrong
    for entry, better in wrong:
        kin = {
            other.fact.answer_key
            for other in entries()
            if other.relation.name == entry.relation.name and other.fact.answer_key != entry.fact.answer_key
        }
        assert any(answer in better.text for answer in kin), better.text


def test_corrections_are_whole_sentences_of_a_readable_length():
    for _, _, better in written():
        assert re.fullmatch(r"[A-Z0-9\"].*\.", better.text), better.text
        assert not re.search(r"[{}]|\.\.|  ", better.text)
        assert 20 <= len(better.text.split()) <= 75, better.text


def test_corrections_are_varied_and_the_same_seed_writes_the_same():
    frames = {re.sub(re.escape(entry.fact.answer_key), "…", better.text) for entry, _, better in written()}
    assert len(frames) > 0.8 * len(entries())
    assert [better for _, _, better in islice(written(), 50)] == [
        better for _, _, better in islice(written(), 50)
    ]


def test_most_right_corrections_would_satisfy_a_rater_of_their_audience():
    satisfied = [
        stars_for(better.text, entry, entry.fact.questions[place % 3], taste_of(place % 5, SEED)) >= 4
        for place, (entry, _, better) in enumerate(written())
        if not better.mistaken
    ]
    assert sum(satisfied) / len(satisfied) > 0.7
