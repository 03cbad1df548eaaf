"""Requests drawn from the API's own document, sent to the app in this process, and what they were answered.

Half of them keep to the document, and of those most name a persona, an end user and answers that are there;
the other half break it somewhere. What counts as a violation is schemathesis's: a 5xx, a status, a media
type, a header or a body that the document does not have, a request that breaks it and is taken, one that
keeps to it and is refused, one that passes without the token.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

DOCUMENT = "/api/v1/openapi.json"
PERSONA, END_USER = "pirate", "somebody"
# What no document can tell beforehand: it lies with the answer that is spoken of.
_OF_THE_ANSWER = frozenset({"correction-unchanged", "answer-not-in-format", "answers-not-comparable"})


@dataclass(slots=True)
class Fuzzed:
    """Requests by what they were answered, and each kind of violation with one request that shows it."""

    statuses: Counter[int] = field(default_factory=Counter)
    violations: dict[str, str] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return self.statuses.total()


def fuzz(app: Flask, token: str, *, requests: int, chance: int) -> Fuzzed:
    """At least so many requests, spread evenly over the operations; equal `chance` draws equal ones."""
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, app)
    known, fuzzed = _answers_to_speak_of(app, headers), Fuzzed()
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    turns = [(operation, mode) for operation in operations for mode in GenerationMode]
    each = -(-requests // len(turns))
    while fuzzed.requests < requests:  # of some operations there are not as many different requests
        for operation, mode in turns:
            _fuzz_one(operation, mode, fuzzed, headers, known, examples=each, chance=chance)
        chance += 1
    return fuzzed


def _fuzz_one(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    fuzzed: Fuzzed,
    headers: dict[str, str],
    known: Sequence[str],
    *,
    examples: int,
    chance: int,
) -> None:
    @seed(chance)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.integers(0, 3))
    def send(case: Case[Any], turn: int) -> None:
        assume(not any(value in ([], {}, None) for value in (case.query or {}).values()))  # never sent
        if mode.is_positive and turn:
            _speak_of_what_is_there(case, known, turn)
        response = case.call(headers=headers)
        fuzzed.statuses[response.status_code] += 1
        try:
            case.validate_response(response, headers=headers)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                _note(fuzzed, operation.label, failure, response)

    send()


def _note(fuzzed: Fuzzed, label: str, failure: Failure, response: Response) -> None:
    kind = type(failure).__name__
    if kind == "RejectedPositiveData" and any(f':{one}"' in response.text for one in _OF_THE_ANSWER):
        return
    fuzzed.violations.setdefault(
        f"{label}: {kind}", f"{failure}\n{response.request.url}\n{response.text[:800]}"
    )


def _answers_to_speak_of(app: Flask, headers: dict[str, str]) -> list[str]:
    """Two answers to one question, asked here and now."""
    client, found = app.test_client(), []
    for _ in range(2):
        asked = client.post(
            f"/api/v1/personas/{PERSONA}/answers",
            headers=headers | {"End-User": END_USER, "Idempotency-Key": uuid4().hex},
            json={"question": "Why is the sea salty?"},
        )
        found.append(str(asked.get_json()["id"]))
    return found


def _speak_of_what_is_there(case: Case[Any], known: Sequence[str], turn: int) -> None:
    there = {"slug": PERSONA, "answer_id": known[turn % 2], "number": turn - 1}
    for name in case.path_parameters or {}:
        case.path_parameters[name] = there[name]
    if case.headers and "End-User" in case.headers:
        case.headers["End-User"] = END_USER
    if isinstance(case.body, dict) and "left" in case.body:
        case.body |= {"left": known[0], "right": known[turn % 2]}
