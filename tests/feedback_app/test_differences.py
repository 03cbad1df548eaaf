"""What was changed of a text, word by word."""

import random
import time

import pytest

from feedback_app.differences import LONGEST, Part, difference


def test_what_was_taken_out_and_put_in_stands_where_it_was():
    assert difference("The sea is salty.", "The sea be salty, matey.") == [
        Part("same", "The sea "),
        Part("out", "is salty."),
        Part("in", "be salty, matey."),
    ]
    assert difference("Salt.", "Salt.") == [Part("same", "Salt.")]


@pytest.mark.parametrize("seed", range(5))
def test_both_texts_can_be_read_off(seed: int):
    draw = random.Random(seed)  # noqa: S311 - no secret
    before, after = (" ".join(draw.choices("abcdef\n", k=200)) for _ in range(2))
    parts = difference(before, after)
    assert "".join(part.text for part in parts if part.kind != "in") == before
    assert "".join(part.text for part in parts if part.kind != "out") == after


@pytest.mark.parametrize("words", [LONGEST, LONGEST + 1])
def test_no_two_texts_take_long(words: int):
    draw = random.Random(1)  # noqa: S311
    kinds = [str(number) for number in range(150)]
    before, after = (" ".join(draw.choices(kinds, k=words)) for _ in range(2))
    started = time.monotonic()
    difference(before, after)
    assert time.monotonic() - started < 3
