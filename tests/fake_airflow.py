"""As much of Airflow's REST API as the app uses, over HTTP: a sign-in, and runs that are triggered."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeAirflow:
    """`runs`: by name, the DAG and the form of every run that was triggered; `refuses`: it takes none.

    All of them are under way but those that have `ended`.
    """

    url: str = ""
    runs: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    refuses: bool = False
    ended: set[str] = field(default_factory=set)

    def under_way(self) -> dict[str, Any]:
        at = {"state": "running", "run_after": "2026-11-21T00:05:00Z"}
        runs = {run: told for run, told in self.runs.items() if run not in self.ended}
        return {
            "dag_runs": [
                at | {"dag_run_id": run, "dag_id": told[0], "conf": told[1]} for run, told in runs.items()
            ]
        }


@contextmanager
def running_airflow() -> Iterator[FakeAirflow]:
    fake = FakeAirflow()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(fake: FakeAirflow) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/auth/token":
                self._answer(201, {"access_token": "a token"})
            elif self.headers["Authorization"] != "Bearer a token":
                self._answer(401, {"detail": "Not authenticated"})
            elif fake.refuses:
                self._answer(422, {"detail": "no such form"})
            else:
                self._trigger(body)

        def do_GET(self) -> None:
            asked_for = self.path == "/api/v2/dags/~/dagRuns?state=queued&state=running&limit=1000"
            self._answer(*((200, fake.under_way()) if asked_for else (404, {"detail": "no such page"})))

        def _trigger(self, body: dict[str, Any]) -> None:
            run_id = body.get("dag_run_id") or f"manual__{len(fake.runs)}"
            if run_id in fake.runs:
                self._answer(409, {"detail": "there is such a run"})
                return
            fake.runs[run_id] = (self.path.split("/")[4], body["conf"])
            self._answer(200, {"dag_run_id": run_id})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler
