"""Schemas of answers: which are refused, and that no value takes longer than a moment to be judged."""

import json
import time
from typing import Any

import pytest

from services.domain.schemas import check_schema, misfit
from services.errors.tree import InvalidInput

TOO_LONG = "it takes too long to be judged by its schema"
SIDE = {"type": "object", "required": ["l"], "properties": {"l": {"$ref": "#"}}}
EITHER_SIDE = {"oneOf": [{"type": "string"}, SIDE, SIDE | {"title": "the other"}]}
WIDE = "".join(f"{chr(place)}-{chr(place + 1)}" for place in range(0x4E00, 0x5184, 3))


def doubling(levels: int, leaf: object) -> dict[str, Any]:
    """A schema that applies its leaf 2 ** levels times to one value."""
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": steps | {f"s{levels}": leaf}, "$ref": "#/$defs/s0"}


def nested(levels: int) -> Any:
    return {"l": nested(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (EITHER_SIDE, nested(60)),
        (EITHER_SIDE | {"$schema": "https://json-schema.org/draft/2020-12/schema"}, nested(60)),
        (doubling(26, {"type": "string"}), "x"),
        (doubling(12, {"required": [f"n{n}" for n in range(300)]}), {}),
        (doubling(12, {"const": [[0] * 900]}), [[0] * 900]),
        ({"pattern": f"^[{WIDE}]*$"}, "\u5181" * 20_000 + "!"),
        ({"pattern": r"^\S+@\S+$"}, "@" * 20_000 + " "),
        ({"\\u0070attern": r"^a*a*$"}, "a" * 20_000 + "b"),
        ({"allOf": [{"pattern": f"^.*[a-z{n}]*$"} for n in range(90)]}, "a" * 5_000 + "!"),
        ({"patternProperties": {r"^.*[a-z]*!$": {}}}, {"a" * 10_000: 1}),
        ({"patternProperties": {r"a+b": {}}, "additionalProperties": False}, {"a" * 10_000: 1}),
        ({"uniqueItems": True}, [{"a": n} for n in range(1_900)]),
        ({"uniqueItems": True}, [[n] if n % 2 else n for n in range(2_600)]),
        ({"allOf": [{"items": {}}] * 250}, [1] * 9_000),
    ],
)
def test_no_value_takes_longer_to_be_judged_than_a_moment(schema: dict[str, Any], value: object):
    text = json.dumps(schema, ensure_ascii=False).replace("\\\\u", "\\u")
    check_schema(text)
    begun = time.process_time()
    problem = misfit(text, value)
    assert time.process_time() - begun < 5
    assert problem


def test_a_value_over_the_budget_is_told_apart_from_one_that_does_not_fit():
    schema = json.dumps(EITHER_SIDE)
    assert misfit(schema, nested(60)) == TOO_LONG
    assert misfit(schema, nested(3)) == "it does not fit the schema at $"
    assert misfit(schema, "x") is None
    assert misfit(json.dumps(doubling(26, {"type": "string"})), "x") == TOO_LONG


def test_a_long_list_of_plain_records_is_judged_to_its_end():
    record = {
        "type": "object",
        "additionalProperties": False,
        "required": ["a", "b"],
        "properties": {"a": {"type": "string", "pattern": "^[a-z]+$"}, "b": {"enum": ["yes", "no"]}},
    }
    schema = json.dumps({"type": "array", "items": record, "uniqueItems": False})
    rows: list[dict[str, object]] = [{"a": "word", "b": "no"} for _ in range(1_000)]
    assert misfit(schema, rows) is None
    assert misfit(schema, [*rows, {"a": "Word", "b": "no"}]) == "it does not fit the schema at $[1000].a"
    assert misfit(json.dumps({"uniqueItems": True}), list(range(4_000))) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$dynamicRef": "#x", "$dynamicAnchor": "x"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"allOf": [{"$ref": "#"}]},
    ],
)
def test_a_schema_that_only_leads_back_to_itself_is_refused(schema: dict[str, Any]):
    with pytest.raises(InvalidInput, match="refers to itself with nothing between"):
        check_schema(json.dumps(schema))


def test_what_would_be_judged_past_the_count_of_steps_is_refused():
    for keyword in ("unevaluatedItems", "unevaluatedProperties"):
        with pytest.raises(InvalidInput, match=f"{keyword} is not taken"):
            check_schema(json.dumps({keyword: False}))
    with pytest.raises(InvalidInput, match="at its top only"):
        check_schema(json.dumps({"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}))
    with pytest.raises(InvalidInput, match="could take too long"):
        check_schema(json.dumps({"pattern": f"^[{WIDE}]*[{WIDE}]*$"}))


def test_a_value_nested_too_deeply_for_its_schema_is_said_to_be():
    schema = json.dumps({"items": {"$ref": "#"}})
    assert misfit(schema, json.loads("[" * 10 + "]" * 10)) is None
    assert misfit(schema, json.loads("[" * 250 + "]" * 250)) == "it is nested too deeply for its schema"
