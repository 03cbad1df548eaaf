"""JSON Schemas that answers are judged by: which ones are taken, and whether a value fits one.

Nothing is fetched, and nothing takes for ever: a value is judged within a number of steps, whatever people
write into a schema or an answer. What a pattern costs is `patterns`'; what an answer says, `answer_formats`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from services.domain.patterns import most_tests, slow_pattern
from services.errors.tree import InvalidInput

MOST_STEPS = 100_000  # a second, about
_TESTS = 10_000  # of single characters by a pattern, in the time of a step
_PAIRS = 2  # of parts compared, likewise
_REFERENCES = ("$ref", "$dynamicRef")
_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
# What looks through other keywords by itself, past the count of steps.
_NOT_TAKEN = ("unevaluatedItems", "unevaluatedProperties")


class _TooManySteps(Exception):
    """A value cannot be judged within MOST_STEPS."""


class _Steps:
    """What the judging of one value has cost; `sizes` has the parts in each of its parts, by identity."""

    def __init__(self, value: object) -> None:
        self._left = MOST_STEPS
        self._sizes: dict[int, int] = {}
        self._measure(value)

    def spend(self, keyword: str, wanted: Any, part: Any, schema: Mapping[str, Any]) -> None:  # noqa: ANN401
        """For one keyword at one part; _TooManySteps where nothing is left."""
        self._pay(1 + self._size(part) + (len(wanted) if isinstance(wanted, (list, dict)) else 0))
        match keyword:
            case "const" | "enum" | "required" | "dependentRequired":
                self._pay(len(repr(wanted)))
            case "uniqueItems" if wanted and isinstance(part, list):
                if {type(each) for each in part} not in ({str}, {int}, {float}, {int, float}):
                    self._pay(len(part) * self._size(part) // _PAIRS)
            case "pattern" if isinstance(part, str):
                self._match(wanted, part)
            case "patternProperties" | "additionalProperties" if isinstance(part, dict):
                for pattern in _of_names(schema):
                    for name in part:
                        self._match(pattern, name)

    def _match(self, pattern: str, text: str) -> None:
        tests = most_tests(pattern, len(text))
        self._pay(MOST_STEPS + 1 if tests is None else 1 + tests // _TESTS)

    def _pay(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _TooManySteps

    def _size(self, part: object) -> int:
        return self._sizes.get(id(part), 0) if isinstance(part, (list, dict)) else _size_of_one(part)

    def _measure(self, part: object) -> int:
        if not isinstance(part, (list, dict)):
            return 1 + _size_of_one(part)
        parts = part.values() if isinstance(part, dict) else part
        size = self._sizes[id(part)] = 1 + sum(map(self._measure, parts))
        return size


_steps: ContextVar[_Steps] = ContextVar("steps")


def _counted(keyword: str, check: Callable[..., Any]) -> Callable[..., Any]:
    def checked(validator: Any, wanted: Any, part: Any, schema: Any) -> Any:  # noqa: ANN401
        _steps.get().spend(keyword, wanted, part, schema)
        return check(validator, wanted, part, schema)

    return checked


_Counting: Any = extend(
    Draft202012Validator,
    {keyword: _counted(keyword, check) for keyword, check in Draft202012Validator.VALIDATORS.items()},
)


def check_schema(schema: str) -> None:
    """InvalidInput for one that cannot judge, leads elsewhere or nowhere, or could take too long."""
    try:
        _validator(schema)
    except (
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        re.error,
        SchemaError,
        Unresolvable,
    ) as error:
        reason = error.message if isinstance(error, SchemaError) else str(error)
        raise InvalidInput(f"The schema cannot be used: {reason}.") from error


def misfit(schema: str, value: object) -> str | None:
    """Why the value does not fit, as half a sentence; None if it does. The schema is one that was checked."""
    try:
        _steps.set(_Steps(value))
        wrong = best_match(_validator(schema).iter_errors(value))
    except _TooManySteps:
        return "it takes too long to be judged by its schema"
    except RecursionError:
        return "it is nested too deeply for its schema"
    except Unresolvable:  # some references are only followed where a value leads there
        return "its schema leads to a part that it has not"
    except OverflowError:  # a whole number may be of any size, what a schema divides it by is not
        return "it has a number that is too large to be judged"
    return f"it does not fit the schema at {wrong.json_path}" if wrong else None


@lru_cache(maxsize=32)
def _validator(schema: str) -> Any:  # noqa: ANN401  (an untyped library)
    document = json.loads(schema)
    Draft202012Validator.check_schema(document)
    if isinstance(document, dict):
        document.pop("$schema", None)  # it would be judged by another validator, which counts no steps
    registry: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(document))
    resolver, endless = registry.resolver(), _Endless()
    for part in _objects(document):
        _check_keywords(part)
        for reference in _named(part, _REFERENCES):
            resolver.lookup(reference)
        endless.check(part, resolver, frozenset())
    return _Counting(document, registry=registry)


def _check_keywords(part: Mapping[str, Any]) -> None:
    if _named(part, ("$schema",)):
        raise ValueError("$schema stands at its top only")
    for keyword in _NOT_TAKEN:
        if keyword in part:
            raise ValueError(
                f"{keyword} is not taken: close objects with additionalProperties, lists with items"
            )
    for pattern in [*_named(part, ("pattern",)), *_of_names(part)]:
        if reason := slow_pattern(pattern):
            raise ValueError(f"the pattern {pattern[:60]!r} could take too long ({reason})")


class _Endless:
    """Finds parts that lead back to themselves without going into a part of the answer."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def check(self, part: object, resolver: Any, trail: frozenset[int]) -> None:  # noqa: ANN401
        if id(part) in trail:
            raise ValueError("a part of it refers to itself with nothing between, so that no answer can fit")
        if not isinstance(part, dict) or id(part) in self._seen:
            return
        resolver = resolver.in_subresource(DRAFT202012.create_resource(part))
        for reference in _named(part, _REFERENCES):
            try:
                found = resolver.lookup(reference)
            except Unresolvable:
                continue
            self.check(found.contents, found.resolver, trail | {id(part)})
        for keyword in _IN_PLACE:
            below = part.get(keyword)
            for each in below if isinstance(below, list) else [below]:
                self.check(each, resolver, trail | {id(part)})
        self._seen.add(id(part))


def _objects(part: object) -> Iterator[dict[str, Any]]:
    """Every object in a schema, however deep."""
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _objects(each)


def _named(part: Mapping[str, Any], keywords: tuple[str, ...]) -> list[str]:
    return [part[keyword] for keyword in keywords if isinstance(part.get(keyword), str)]


def _of_names(part: Mapping[str, Any]) -> list[str]:
    """The patterns of names, and them as one, as what is neither of them is looked for."""
    patterns = part.get("patternProperties")
    return [*patterns, "|".join(patterns)] if isinstance(patterns, dict) and patterns else []


def _size_of_one(part: object) -> int:
    return len(part) // _TESTS if isinstance(part, str) else 0
