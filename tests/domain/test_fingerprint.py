import json
import math
from dataclasses import replace

import pytest

from services.domain.fingerprint import (
    TOLERANCE,
    Fingerprint,
    ServerFacts,
    differences,
    fingerprint_of,
    nats_apart,
    storable,
)

FACTS = ServerFacts("a" * 64, "nf4", "cpu", "1", {"torch": "2.13.0"})
EVALUATED = Fingerprint(FACTS, ((-1.0, -2.0), (-3.0, None)))


@pytest.mark.parametrize(
    ("served", "told"),
    [
        (EVALUATED, ()),
        (replace(EVALUATED, golden=((-1.1, -2.0), (-3.1, None))), ()),
        (replace(EVALUATED, facts=replace(FACTS, base_digest="b" * 64)), (f"the base is {'b' * 12}, not",)),
        (replace(EVALUATED, facts=replace(FACTS, quantisation="none")), ("quantisation is none, not nf4",)),
        (replace(EVALUATED, facts=replace(FACTS, device="H200")), ("device is H200, not cpu",)),
        (replace(EVALUATED, facts=replace(FACTS, server="2")), ("server is 2, not 1",)),
        (
            replace(EVALUATED, facts=replace(FACTS, packages={"torch": "2.14.0", "peft": "1"})),
            ("peft is 1, not unknown", "torch is 2.14.0, not 2.13.0"),
        ),
        (replace(EVALUATED, prompt_version="2"), ("the prompt version is 2, not 1",)),
        (replace(EVALUATED, golden_digest="other"), ("the golden prompts are others",)),
        (
            replace(EVALUATED, golden=((-1.0, -2.0), (-3.3, None))),
            ("the golden prompts are 0.100 nats a token apart",),
        ),
    ],
)
def test_whatever_differs_is_told(served: Fingerprint, told: tuple[str, ...]):
    found = differences(EVALUATED, served)
    assert len(found) == len(told)
    assert all(one.startswith(words) for one, words in zip(found, told, strict=True))


def test_answers_a_little_apart_are_those_of_one_version_and_more_are_not():
    one = ((-2.0,) * 4,)
    assert not differences(
        replace(EVALUATED, golden=one), replace(EVALUATED, golden=((-1.99 - TOLERANCE,) * 4,))
    )
    assert differences(replace(EVALUATED, golden=one), replace(EVALUATED, golden=((-2.01 - TOLERANCE,) * 4,)))


@pytest.mark.parametrize(
    "other",
    [((-1.0, -2.0), (-3.0, -4.0)), ((-1.0, -2.0), (-3.0,)), ((-1.0, -2.0),), ((None, -2.0), (-3.0, None))],
)
def test_other_tokens_and_numbers_that_are_none_are_as_far_apart_as_can_be(
    other: tuple[tuple[float | None, ...], ...],
):
    assert nats_apart(EVALUATED.golden, other) == math.inf


def test_a_model_that_gives_no_number_at_all_is_like_itself():
    assert nats_apart(storable([(math.nan, -math.inf)]), ((None, None),)) == 0


def test_a_fingerprint_is_the_same_after_it_was_stored():
    stored = json.loads(json.dumps(EVALUATED.as_record()))
    assert fingerprint_of(stored) == EVALUATED
    assert fingerprint_of(stored).facts.digest() == FACTS.digest()
