"""The benchmark of assembling times each rule where the rule is: by functions that are there."""

from benchmarks._assembling import RULES, STREAMS


def test_every_rule_that_is_timed_names_functions_that_there_are():
    named = [place for functions in RULES.values() for place in functions]
    assert [name for place, name in [*named, *STREAMS.values()] if not hasattr(place, name)] == []
