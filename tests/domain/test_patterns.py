"""Which regular expressions are taken: those that are quick on any text of the length that is matched."""

import re
import time

import pytest

from services.domain.patterns import most_tests, slow_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a|a)*$",
        r"(a|ab)*$",
        r"(a?){40}a{40}",
        r"(a?){400}a{400}",
        "a?" * 40 + "a" * 40,
        r"(x+x+)+y",
        r"^(\w+\s?)*$",
        r"^(([a-z])+.)+[A-Z]",
        r".*.*x",
        r"^.*.*.*x",
        r"(?m)^.*.*x",
        r"(?=(a+)+$)a",
        r"(((?:){1000}){1000}){1000}",
        r"(a*)\1b",
        r"(?:(?=a{10000})a)*c",
        r"(?:(?:a|b|ab){9}){9}c",
    ],
)
def test_a_pattern_that_may_take_for_ever_is_refused(pattern: str):
    assert slow_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "nearly"),
    [
        (r"^[A-Z]{2,3}-\d{4}$", "A" * 20_000),
        (r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", "2026-11-" * 2_500),
        (r"^(yes|no|perhaps)$", "perhap" * 3_000),
        (r"^#(?:[0-9a-f]{2}){3,4}$", "#" + "0" * 19_999),
        (r"^\S+@\S+$", "@" * 19_999 + " "),
        (r"^[a-z]+(?:-[a-z]{3})*$", "a" * 20_000 + "-"),
        (r"[a-z]+\d", "a" * 20_000),
        (r"(?:ab)*c", "ab" * 10_000),
        (r"^.*.*x", "a" * 20_000),
        (r"\S", " " * 20_000),
        (r"^(?!no)[a-z]+$", "a" * 19_999 + "-"),
        ("", ""),
    ],
)
def test_others_are_taken_and_end_at_once_on_what_nearly_fits(pattern: str, nearly: str):
    assert slow_pattern(pattern) is None
    begun = time.process_time()
    re.search(pattern, nearly[:255] + nearly[-255:])
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("pattern", "times"),
    [(r"^[a-z]+$", 16), (r"^(yes|no)$", 1), (r"[a-z]+\d", 256), (r"^.*.*x", 256), ("a{90000}x", 256)],
)
def test_what_a_text_costs_grows_with_its_length_as_the_ways_through_it(pattern: str, times: int):
    short, long = most_tests(pattern, 1_000), most_tests(pattern, 16_000)
    assert short
    assert long
    assert 0.9 < long / short / times < 1.1


def test_a_class_costs_as_much_as_it_has_parts():
    wide = "".join(f"{chr(place)}-{chr(place + 1)}" for place in range(0x4E00, 0x5000, 3))
    narrow, broad = most_tests("^[a]*$", 1_000), most_tests(f"^[{wide}]*$", 1_000)
    assert narrow
    assert broad
    assert broad > 50 * narrow
