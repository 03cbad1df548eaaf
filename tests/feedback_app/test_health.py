"""What a supervisor asks: up, and ready."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from flask import Flask
from sqlalchemy import Engine

from feedback_app import create_app
from services.db.session import make_engine
from services.settings import Settings, read_settings
from tests.fakes import FakeGenerator

NOWHERE = "http://127.0.0.1:1"


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def inference_url() -> Iterator[str]:
    """The address of a server that says it is healthy."""
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def app_with(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, inference_url: str, engine: Engine
) -> Flask:
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    monkeypatch.setenv("INFERENCE_URL", inference_url)
    return create_app(read_settings(), engine=engine, generator=FakeGenerator())


def test_the_app_is_ready_when_database_and_inference_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, inference_url: str, engine: Engine
):
    response = app_with(settings, monkeypatch, inference_url, engine).test_client().get("/readyz")
    assert (response.status_code, response.json) == (200, {"status": "ready"})


def test_everything_that_is_missing_is_named_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    engine = make_engine("postgresql://nobody@127.0.0.1:1/x")
    client = app_with(settings, monkeypatch, NOWHERE, engine).test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json is not None
    assert "127.0.0.1:1" in response.json["missing"]["database"]
    assert NOWHERE in response.json["missing"]["inference"]
    assert client.get("/healthz").json == {"status": "up"}


def test_an_inference_server_that_is_not_healthy_is_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, inference_url: str, engine: Engine
):
    client = app_with(settings, monkeypatch, f"{inference_url}/elsewhere", engine).test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json is not None
    assert list(response.json["missing"]) == ["inference"]
