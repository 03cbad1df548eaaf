"""Who changed, where a version answers otherwise than when it was evaluated: itself, or the server."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from services.domain.fingerprint import TOLERANCE, Fingerprint, Golden
from services.errors.artifacts import AdapterAnswersOtherwise, AdapterCorrupt
from services.language_model.asking import BASE_NAME
from services.serving.as_evaluated import check_answers
from tests.fakes import FACTS

NAME = "pirate@0123456789ab"
UPGRADED = replace(FACTS, packages={"torch": "2.14.0"})
BEFORE = -2.0


def answering(value: float | None) -> Golden:
    return ((value, value), (value,))


def check(
    facts=UPGRADED,
    *,
    now: Mapping[str, float | None],
    then: Sequence[str] = (NAME, BASE_NAME),
    damaged: Sequence[str] = (),
) -> tuple[str, ...]:
    """On a server of these facts, what version and base answered before being `BEFORE` on one of FACTS."""

    def expected(name: str) -> Sequence[Fingerprint]:
        if name in damaged:
            raise AdapterCorrupt(name, "a flipped byte")
        return [Fingerprint(FACTS, answering(BEFORE))] if name in then else []

    return check_answers(NAME, facts, expected, lambda name: answering(now[name]))


def test_as_it_was_evaluated_it_is_served_without_asking_the_base():
    for facts in (FACTS, UPGRADED):
        assert check(facts, now={NAME: BEFORE + TOLERANCE / 2}) == ()


@pytest.mark.parametrize("facts", [FACTS, UPGRADED])
@pytest.mark.parametrize(("version", "base"), [(0.2, 0.2), (0.2, 0.15), (0.5, 0.9)])
def test_where_the_base_moved_as_far_the_server_changed_and_the_version_goes_on(
    facts, version: float, base: float, caplog: pytest.LogCaptureFixture
):
    changed = check(facts, now={NAME: BEFORE + version, BASE_NAME: BEFORE + base})
    assert changed[-1].startswith(f"the golden prompts are {version:.3f} nats a token apart")
    assert ("torch is 2.14.0, not 2.13.0" in changed) == (facts is UPGRADED)
    assert "goes on answering on a server that changed" in caplog.text


@pytest.mark.parametrize("facts", [FACTS, UPGRADED])
@pytest.mark.parametrize(("version", "base"), [(0.2, 0.0), (0.5, 0.1)])
def test_where_the_base_stayed_it_is_the_version_on_an_upgraded_server_too(
    facts, version: float, base: float
):
    with pytest.raises(AdapterAnswersOtherwise):
        check(facts, now={NAME: BEFORE + version, BASE_NAME: BEFORE + base})


def test_a_server_that_says_it_is_another_is_believed_where_the_base_was_never_asked(
    caplog: pytest.LogCaptureFixture,
):
    assert check(now={NAME: -3.0}, then=[NAME])
    assert "the base alone: never asked" in caplog.text
    assert check(now={NAME: -3.0}, damaged=[BASE_NAME])
    with pytest.raises(AdapterAnswersOtherwise):
        check(FACTS, now={NAME: -3.0}, then=[NAME])


def test_a_version_that_gives_no_numbers_is_not_served_while_the_base_does():
    with pytest.raises(AdapterAnswersOtherwise):
        check(now={NAME: None, BASE_NAME: BEFORE})
    assert check(now={NAME: None, BASE_NAME: None})


def test_of_what_was_never_evaluated_nothing_is_expected():
    assert check(now={}, then=[BASE_NAME]) == ()
