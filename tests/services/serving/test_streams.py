"""Answers told as they are written, by a real server: the same text, and nothing for who went away."""

import json
import time

import httpx
import pytest

from services.domain.personas import GenerationSettings
from services.errors.artifacts import AdapterMissing
from services.errors.inputs import TextTooLong
from services.language_model.asking import BASE_NAME, STOPPED, GenerationRequest
from services.serving import spelling
from tests.services.serving.conftest import TOKEN
from tests.services.serving.test_inference_server import CHAT, FIVE, MESSAGES

pytestmark = pytest.mark.slow

FORTY = GenerationSettings(max_new_tokens=40, min_new_tokens=40, repetition_penalty=1.0)
LONG = GenerationSettings(max_new_tokens=150, min_new_tokens=150, repetition_penalty=1.0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(spelling, "PAUSE_S", 0.0)


def request(model, settings=FORTY, seed=1):
    return GenerationRequest(model, MESSAGES, settings, seed)


@pytest.mark.parametrize("letter", ["A", ""])
def test_what_is_told_is_what_comes_whole(served, letter):
    model = served.names[letter] if letter else BASE_NAME
    pieces = []

    def heard(piece):
        pieces.append(piece)
        return True

    told = served.client.generate(request(model), heard)
    whole = served.client.generate(request(model))
    assert told == whole
    assert "".join(pieces) == whole.text
    assert len(pieces) > 3


def test_who_has_enough_gets_what_was_told_and_the_next_is_not_kept_waiting(served):
    pieces = []

    def heard(piece):
        pieces.append(piece)
        return len(pieces) < 3

    stopped = served.client.generate(request(BASE_NAME, LONG), heard)
    assert stopped.finish_reason == STOPPED
    assert stopped.text == "".join(pieces)
    started = time.monotonic()
    served.client.generate(request(BASE_NAME, FIVE))
    one_after_another = time.monotonic() - started
    started = time.monotonic()
    served.client.generate(request(BASE_NAME, LONG))
    assert one_after_another < (time.monotonic() - started) / 2


def test_what_is_refused_before_the_first_words_is_an_error_like_any_other(served):
    with pytest.raises(AdapterMissing):
        served.client.generate(request("pirate@0123456789ab"), lambda _: True)
    with pytest.raises(TextTooLong):
        served.client.generate(GenerationRequest(BASE_NAME, MESSAGES * 200, FIVE, 1), lambda _: True)


def test_the_stream_is_the_protocols(served):
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    reply = httpx.post(
        f"{served.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    *events, last = [line.removeprefix("data: ") for line in reply.text.splitlines() if line]
    assert last == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] in {"stop", "length"}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] <= 3
