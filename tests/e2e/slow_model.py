"""An inference server that has written half of its answer and goes on only when it is let.

It speaks the protocol of the real one, so that the app's own process can ask it, whoever that is by then.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_S = 60.0
HALF, REST = "Rivers bring the salt", " of the rocks to the sea."


@dataclass
class SlowModel:
    """`asked` counts the answers that were begun."""

    address: str = ""
    may_go_on: threading.Event = field(default_factory=threading.Event)
    asked: int = 0


@contextmanager
def slow_model() -> Iterator[SlowModel]:
    model = SlowModel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.asked += 1
            self.send_response(200)
            try:
                self._answer_in_pieces() if asked.get("stream") else self._answer_whole()
            except OSError:
                """Who asked was killed."""

        def _answer_whole(self) -> None:
            self.send_header("Content-Type", "application/json")
            assert model.may_go_on.wait(PATIENCE_S)
            self.end_headers()
            self.wfile.write(json.dumps(_whole()).encode())

        def _answer_in_pieces(self) -> None:
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self._say({"content": HALF})
            assert model.may_go_on.wait(PATIENCE_S)
            self._say({"content": REST})
            self._say({}, finish_reason="stop")

        def _say(self, delta: Mapping[str, str], finish_reason: str | None = None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            said = json.dumps(_of("chat.completion.chunk", choice))
            self.wfile.write(f"data: {said}\n\n".encode())
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Nothing: tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        model.address = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield model
        finally:
            model.may_go_on.set()
            server.shutdown()


def _whole() -> Mapping[str, object]:
    message = {"role": "assistant", "content": HALF + REST}
    return _of("chat.completion", {"index": 0, "message": message, "finish_reason": "stop"})


def _of(kind: str, choice: Mapping[str, object]) -> Mapping[str, object]:
    return {"id": "1", "object": kind, "created": 0, "model": "base", "choices": [choice]}
