"""A real HTTP server on this machine that speaks the OpenAI protocol, saying what a test wants to hear."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class Heard:
    """Where the server is, and what it was asked, in the order of arrival."""

    url: str
    bodies: list[Body] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@contextmanager
def speaking(answer: Callable[[Body], str], *, status: int = 200, instead: str = "") -> Iterator[Heard]:
    """Answers every chat completion with `answer` of its body; any other `status` is an error.

    `instead`, a page or an object of another shape, is sent in the place of every reply.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.bodies.append(body)
            heard.keys.append(self.headers["Authorization"].removeprefix("Bearer "))
            reply = {"error": {"message": "no"}} if status != 200 else completion(body)
            text = (instead or json.dumps(reply)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if instead[:1] == "<" else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    def completion(body: Body) -> Body:
        message = {"role": "assistant", "content": answer(body)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
        }

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard = Heard(f"http://127.0.0.1:{server.server_port}/v1")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()
