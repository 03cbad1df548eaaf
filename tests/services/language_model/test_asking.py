"""The client's reading of replies, against a server that says what a test wants to hear."""

import json
import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from services.domain.conversation import Message, Role
from services.language_model.asking import BASE_NAME, IDLE_S, InferenceClient


class DivergedModel(BaseHTTPRequestHandler):
    """Sends null for a log-probability that is no number, as the inference server does."""

    def do_POST(self):
        reply = json.dumps({"token_log_probabilities": [None, -1.5]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


@pytest.fixture
def client() -> Iterator[InferenceClient]:
    with HTTPServer(("127.0.0.1", 0), DivergedModel) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield InferenceClient(f"http://127.0.0.1:{server.server_port}", token="any")
        server.shutdown()
        thread.join()


def test_a_log_probability_that_is_no_number_is_not_taken_for_one(client: InferenceClient):
    first, second = client.log_probabilities(BASE_NAME, (Message(Role.USER, "Why?"),), "Because.")
    assert math.isnan(first)
    assert second == -1.5


class GivesUpIdleConnections(DivergedModel):
    """Goes away without a word when a connection is used again that was idle for long."""

    protocol_version = "HTTP/1.1"
    used_at = math.inf

    def do_POST(self):
        if time.monotonic() - self.used_at > IDLE_S:
            self.close_connection = True
            return
        super().do_POST()
        self.used_at = time.monotonic()


def test_a_question_is_not_sent_where_its_server_is_about_to_go_away():
    asked = (BASE_NAME, (Message(Role.USER, "Why?"),), "Because.")
    with ThreadingHTTPServer(("127.0.0.1", 0), GivesUpIdleConnections) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = InferenceClient(f"http://127.0.0.1:{server.server_port}", token="any")
        client.log_probabilities(*asked)
        time.sleep(IDLE_S + 0.2)
        assert client.log_probabilities(*asked)
        server.shutdown()
