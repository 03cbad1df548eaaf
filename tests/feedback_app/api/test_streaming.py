"""Answers told to a client while they are written: the words, then the answer as it would have come whole."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from services.db.session import session_scope
from services.errors.inputs import TextTooLong
from services.errors.outages import InferenceBusy
from tests.fakes import FakeGenerator
from tests.feedback_app.api.conftest import Api
from tests.feedback_app.conftest import PATIENCE_S

ASK = "/personas/pirate/answers"
WORDS = "Rivers bring the salt of the rocks to the sea."


@pytest.fixture(autouse=True)
def nobody_writes_on() -> Iterator[None]:
    yield
    deadline = time.monotonic() + PATIENCE_S
    while any(thread.name == "writing" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def told(
    api: Api, path: str = ASK, *, key: str = "k", question: str = "Why is the sea salty?"
) -> TestResponse:
    return api.post(path, {"question": question}, key=key, Accept="text/event-stream")


def events(response: TestResponse) -> list[tuple[str, Any]]:
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    found = [event.split("\n") for event in response.text.split("\n\n") if event.startswith("event:")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in found]


def test_the_words_come_and_then_the_answer_as_it_would_have_come_whole(api: Api, generator: FakeGenerator):
    generator.text = f"{WORDS}\n\nIndeed \U0001f30a."
    *pieces, (last, answer) = events(told(api))
    assert {kind for kind, _ in pieces} == {"piece"}
    assert len(pieces) > 5
    assert "".join(words for _, words in pieces) == generator.text
    assert last == "done"
    assert api.get(f"/answers/{answer['id']}").get_json() == answer
    generator.text = "Another answer."
    assert events(told(api)) == [("done", answer)]
    assert api.ask(key="k") == answer
    assert len(generator.requests) == 1


def test_a_conversation_is_told_too(api: Api, generator: FakeGenerator):
    first = api.ask()
    generator.text = WORDS
    _, answer = events(told(api, f"/answers/{first['id']}/answers", question="And lakes?"))[-1]
    assert (answer["question"], answer["text"]) == ("And lakes?", WORDS)
    assert first["text"] in answer["context"]


def test_who_goes_away_in_the_middle_finds_the_answer_under_the_same_key(api: Api, generator: FakeGenerator):
    generator.text, first_word, go_on = WORDS, threading.Event(), threading.Event()

    def wait() -> None:
        first_word.set()
        assert go_on.wait(PATIENCE_S)

    generator.between_words = wait
    response = told(api)
    assert b'"Rivers"' in next(response.iter_encoded())
    assert first_word.wait(PATIENCE_S)
    response.close()
    go_on.set()
    assert api.ask(key="k")["text"] == WORDS
    assert len(api.get("/answers").get_json()["items"]) == 1


@pytest.mark.parametrize(
    ("problem", "kind", "status"),
    [
        (TextTooLong("question", length=9000, limit=4096, unit="tokens"), "text-too-long", 400),
        (InferenceBusy(), "inference-busy", 503),
    ],
)
def test_a_refusal_is_told_as_its_problem_and_the_key_is_good_again(
    api: Api, generator: FakeGenerator, problem: Exception, kind: str, status: int
):
    api.ask()  # the end user is known
    generator.problem = problem
    [(last, refused)] = events(told(api))
    assert (last, refused["status"]) == ("refused", status)
    assert refused["type"] == f"urn:persona-loop:problem:{kind}"
    assert refused["detail"] == str(problem)
    generator.problem = None
    assert events(told(api))[-1][0] == "done"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_is_told_without_its_words(api: Api, generator: FakeGenerator):
    generator.problem = RuntimeError("a secret of the house")
    response = told(api)
    assert events(response) == [("refused", None)]
    assert "secret" not in response.text


def test_who_is_erased_in_the_middle_is_told_so(api: Api, generator: FakeGenerator, clean: Engine):
    def erase() -> None:
        with session_scope(clean) as session:
            session.execute(text("UPDATE raters SET erased_at = now()"))

    generator.meanwhile = erase
    last, refused = events(told(api))[-1]
    assert (last, refused["status"]) == ("refused", 409)
    assert refused["type"] == "urn:persona-loop:problem:rater-erased"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/event-stream;q=0.5"])
def test_who_does_not_ask_for_events_gets_none(
    new_api: Callable[..., Api], generator: FakeGenerator, accept: str
):
    asked = new_api().post(ASK, {"question": "Why?"}, Accept=accept)
    assert (asked.status_code, asked.mimetype) == (201, "application/json")
    assert asked.get_json()["text"] == generator.text


def test_wrong_fields_are_refused_before_anything_is_told(api: Api):
    refused = told(api, question=" ")
    assert (refused.status_code, refused.mimetype) == (400, "application/problem+json")
