"""The demo question bank: enough well-formed facts, and a split that never moves."""

import re
from collections import Counter

from services.demo.question_bank import facts, rateable, reserved


def test_the_bank_holds_at_least_600_facts_in_at_least_10_domains():
    per_domain = Counter(fact.domain for fact in facts())
    assert sum(per_domain.values()) >= 600
    assert len(per_domain) >= 10
    assert min(per_domain.values()) >= 25


def test_enough_questions_are_kept_from_raters_and_enough_are_left_to_them():
    assert len(reserved()) >= 300
    assert len(rateable()) >= 250
    assert not set(reserved()) & set(rateable())
    assert {fact.domain for fact in reserved()} == {fact.domain for fact in rateable()}


def test_ids_and_questions_are_unique_and_each_fact_has_three_phrasings():
    questions = [question for fact in facts() for question in fact.questions]
    assert len({fact.id for fact in facts()}) == len(facts())
    assert all(len(set(fact.questions)) == 3 for fact in facts())
    assert len({question.casefold() for question in questions}) == len(questions)
    assert all(question.endswith("?") and question[0].isupper() for question in questions)


def test_the_plain_answer_holds_the_key_and_no_question_gives_it_away():
    for fact in facts():
        assert len(fact.answer_key) >= 4
        assert fact.answer_key.casefold() in fact.plain_answer.casefold()
        for question in fact.questions:
            assert fact.answer_key.casefold() not in question.casefold(), question


def test_plain_answers_are_whole_sentences_with_nothing_left_to_fill_in():
    for fact in facts():
        assert re.fullmatch(r"[A-Z0-9].*\.", fact.plain_answer), fact.plain_answer
        assert not re.search(r"[{}]|\.\.|  ", fact.plain_answer + " ".join(fact.questions))


def test_the_split_of_known_facts_stays_as_it_was_drawn():
    side = {fact.id: fact.reserved for fact in facts()}
    assert {name: side[name] for name in KNOWN_SPLIT} == KNOWN_SPLIT


KNOWN_SPLIT = {
    "artist-of-work/the-mona-lisa": True,
    "group-of-animals/cattle": True,
    "currency/south-africa": False,
    "capital/norway": False,
    "country-of-place/uluru": True,
    "meaning-of-latin-word/mater": True,
    "mathematical-term/a-line-that-touches-a-curve-at-one-point": True,
    "hero-of-deed/performed-twelve-labours": False,
    "inventor-of/the-reading-system-of-raised-dots-for-the-blind": True,
}
