"""A server in the place of the inference server, for what runs through the environment: it tells FACTS, and
gives the log-probabilities of FakeGenerator.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes import FACTS, FakeGenerator


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "base"}], "server": asdict(FACTS)})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        values = FakeGenerator().log_probabilities(asked["model"], (), asked["completion"])
        self._answer({"token_log_probabilities": values})

    def log_message(self, *_: object) -> None:
        """Nothing: tests are quiet."""

    def _answer(self, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def stand_in() -> Iterator[str]:
    """Its address, while it answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
