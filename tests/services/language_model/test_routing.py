"""Two servers, two bases: each adapter is asked where its base is held."""

from dataclasses import replace

import pytest

from services.domain.personas import GenerationSettings
from services.errors.outages import AnotherBaseServed, InferenceBusy, InferenceUnavailable
from services.language_model.asking import GenerationRequest
from services.language_model.routing import RoutedGenerator
from tests.fakes import FACTS, FakeGenerator

OLD, NEW = "pirate@000000000001", "pirate@000000000002"


@pytest.fixture
def first() -> FakeGenerator:
    return FakeGenerator("of the first", server=replace(FACTS, base_digest="first"), of_other_bases={NEW})


@pytest.fixture
def second() -> FakeGenerator:
    return FakeGenerator("of the second", server=replace(FACTS, base_digest="second"), of_other_bases={OLD})


def asked(generator: RoutedGenerator, model: str) -> str:
    return generator.generate(GenerationRequest(model, (), GenerationSettings(), seed=1)).text


def test_an_adapter_is_asked_where_its_base_is_held(first, second):
    both = RoutedGenerator([first, second])
    assert [asked(both, model) for model in (OLD, NEW, "base")] == [
        "of the first",
        "of the second",
        "of the first",
    ]
    assert both.log_probabilities(NEW, (), "two words") == (-1.0, -1.0)
    assert both.holding(NEW) is second
    assert both.holding("base") is first
    assert both.facts().base_digest == "first"


def test_what_was_found_once_is_not_looked_for_again(first, second):
    both = RoutedGenerator([first, second])
    asked(both, NEW)
    before = len(first.requests)
    asked(both, NEW)
    assert len(first.requests) == before


def test_a_server_that_was_started_with_another_base_is_noticed(first, second):
    both = RoutedGenerator([first, second])
    asked(both, NEW)
    first.of_other_bases, second.of_other_bases = {OLD}, {NEW}
    assert asked(both, NEW) == "of the first"


def test_no_server_that_holds_the_base_is_another_base(first):
    with pytest.raises(AnotherBaseServed):
        asked(RoutedGenerator([first, first]), NEW)


@pytest.mark.parametrize("problem", [InferenceBusy(), InferenceUnavailable("http://second")])
def test_where_one_does_not_answer_it_may_be_the_one(first, second, problem):
    second.problem = problem
    both = RoutedGenerator([first, second])
    with pytest.raises(type(problem)):
        asked(both, NEW)
    assert asked(both, OLD) == "of the first"


def test_a_first_server_that_is_away_takes_only_its_own_with_it(first, second):
    first.problem = InferenceUnavailable("http://first")
    both = RoutedGenerator([first, second])
    assert asked(both, NEW) == "of the second"
    for of_the_first in (OLD, "base"):
        with pytest.raises(InferenceUnavailable):
            asked(both, of_the_first)
