"""An answer that is shown blind does not say who wrote it; all else of it stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.domain.scrubbing import MARK, names_of_bases, scrub

NAMES = ("microsoft/Phi-3-mini-4k-instruct", "Phi-3-mini-4k-instruct", "Mistral-7B")
SENTENCES = (
    "As as an AI language model by from version 12 7 v I I'm am was trained made Acme Labs of me , . "
    "pirate@0123456789ab pirate/v0012 Phi-3-mini-4k-instruct mistral 7b the only my creators are is Arr 3.5"
)
WORDS = some.sampled_from(SENTENCES.split())
TEXTS = some.one_of(some.text(), some.lists(WORDS, max_size=12).map(" ".join))


@given(TEXTS)
def test_scrubbed_again_it_stays_the_same(text: str):
    once = scrub(text, NAMES)
    assert scrub(once, NAMES) == once


@given(
    TEXTS, some.sampled_from(["Phi-3-mini-4k-instruct", "phi 3 mini 4k instruct", "MISTRAL-7B", "mistral 7b"])
)
def test_no_name_is_left(text: str, name: str):
    assert name.lower() not in scrub(f"{text} {name} {text}", NAMES).lower().split(" , ")
    assert name not in scrub(f"I say {name}, matey.", NAMES)


@given(
    some.integers(0, 9999),
    some.integers(0, 9999),
    some.sampled_from(
        [
            "As version {}, I sail.",
            "Arr! I am v{} of the pirate.",
            "I'm only version {}.",
            "My version is {}.",
        ]
    ),
)
def test_two_versions_that_differ_in_their_number_alone_say_the_same(one: int, other: int, said: str):
    assert scrub(said.format(one)) == scrub(said.format(other))
    assert str(one) not in scrub(said.format(one)).replace(MARK, "")


@given(some.text(some.characters(categories=["Lo", "Zs", "Po", "Nd"])))
def test_what_has_none_of_these_words_stays_as_it_is(text: str):
    assert scrub(text, NAMES) == text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("As version 12, I say: arr.", f"As {MARK}, I say: arr."),
        ("Ask pirate@0a1b2c3d4e5f or pirate/v0012.", f"Ask {MARK} or {MARK}."),
        ("As an AI language model developed by Acme Labs, I sail.", f"As {MARK}, I sail."),
        ("As an AI model by Acme, I sail.", f"As {MARK}, I sail."),
        ("I'm a large language model trained by OpenAI.", f"I'm {MARK}."),
        ("I was trained by the Acme Corporation. Arr!", f"I was trained by {MARK}. Arr!"),
        ("I run on phi 3 mini 4k instruct.", f"I run on {MARK}."),
        ("Version 12 of me knew it.", f"{MARK} of me knew it."),
    ],
)
def test_what_names_itself_is_marked(said: str, shown: str):
    assert scrub(said, NAMES) == shown


@pytest.mark.parametrize(
    "said",
    [
        "Windows version 11 came in 2021.",
        "The mistral is a wind; arr, matey!",
        "A model of the ship was made by a carpenter.",
        "As a sailor by trade I know it.",
        "Write to ada@example.org.",
        "Ice floats, arr, as water expands when it freezes.",
    ],
)
def test_what_speaks_of_something_else_stays(said: str):
    assert scrub(said, NAMES) == said


def test_a_hostile_text_takes_no_longer_than_its_length():
    began = time.process_time()
    for text in (
        "I am " * 20_000,
        "As an AI " + "model " * 20_000,
        "I was made by " + "A " * 50_000,
        "a-" * 50_000,
    ):
        scrub(text, NAMES)
    assert time.process_time() - began < 5


def test_a_base_is_known_by_its_whole_name_and_by_its_last_part():
    assert names_of_bases("acme/Talker-7B /srv/models/Other-1B") == (
        "acme/Talker-7B",
        "Talker-7B",
        "/srv/models/Other-1B",
        "Other-1B",
    )
