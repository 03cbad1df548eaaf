"""The client's reading of streams as vLLM sends them, whole and broken off."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from services.domain.conversation import Message, Role
from services.domain.personas import GenerationSettings
from services.errors.outages import InferenceUnavailable
from services.language_model.asking import STOPPED, Generated, GenerationRequest, InferenceClient

WHY = GenerationRequest("pirate@1", (Message(Role.USER, "Why?"),), GenerationSettings(), 1)


def chunk(content: str | None = None, finish_reason: str | None = None) -> dict[str, object]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "pirate@1",
        "choices": [choice],
    }


USAGE = chunk() | {
    "choices": [],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}


@contextmanager
def telling(*events: object) -> Iterator[tuple[InferenceClient, list[dict[str, object]]]]:
    """A client of a server that sends these, and what that was asked."""
    asked: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for event in events:
                line = event if isinstance(event, str) else json.dumps(event)
                self.wfile.write(f"data: {line}\n\n".encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield InferenceClient(f"http://127.0.0.1:{server.server_port}", token="any"), asked
        server.shutdown()
        thread.join()


def test_pieces_are_told_and_together_are_the_answer():
    pieces: list[str] = []

    def heard(piece: str) -> bool:
        pieces.append(piece)
        return True

    with telling(chunk(""), chunk("Sa"), chunk("lt\x00."), chunk(None, "stop"), USAGE, "[DONE]") as (
        client,
        asked,
    ):
        generated = client.generate(WHY, heard)
    assert generated == Generated("Salt.", "stop", 7, 3)
    assert pieces == ["Sa", "lt."]
    assert asked[0]["stream"] is True
    assert asked[0]["stream_options"] == {"include_usage": True}


def test_who_has_enough_keeps_what_was_told():
    with telling(chunk("Sa"), chunk("lt"), chunk(None, "stop"), "[DONE]") as (client, _):
        assert client.generate(WHY, lambda _: False) == Generated("Sa", STOPPED, 0, 0)


@pytest.mark.parametrize(
    "events",
    [
        (),
        (chunk("Sa"),),
        (chunk("Sa"), "[DONE]"),
        (chunk("Sa"), {"error": {"message": "out of memory", "type": "server_error", "code": 500}}),
        ("<html>a proxy's page</html>",),
    ],
)
def test_what_breaks_off_is_no_answer(events: tuple[object, ...]):
    with telling(*events) as (client, _), pytest.raises(InferenceUnavailable):
        client.generate(WHY, lambda _: True)
