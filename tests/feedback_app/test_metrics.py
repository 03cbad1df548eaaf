"""What Prometheus reads of app and loop, and that nobody else does."""

import json
import logging
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import Engine

from feedback_app import create_app
from feedback_app.gunicorn_hooks import on_starting
from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.log_lines import JsonLines
from services.settings import Settings
from tests.builders import AT
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor
from tests.lineage_builders import add_serving_version, add_training_set

TOKEN = {"Authorization": "Bearer a token"}


@pytest.fixture
def app(app: Flask, settings: Settings, clean: Engine) -> Flask:
    assert app
    own = settings.model_copy(update={"metrics_token": SecretStr("a token")})
    return create_app(own, engine=clean, generator=FakeGenerator())


def value(text: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer other"}, {"Authorization": "a token"}])
def test_without_the_token_there_is_no_such_page(visitor: Visitor, header: dict[str, str]):
    assert visitor.client.get("/metrics", headers=header).status_code == 404


@pytest.mark.parametrize("unset", [None, SecretStr("")])
def test_where_no_token_is_set_nobody_reads_them(settings: Settings, clean: Engine, unset: SecretStr | None):
    own = settings.model_copy(update={"metrics_token": unset})
    client = create_app(own, engine=clean, generator=FakeGenerator()).test_client()
    for header in ({}, {"Authorization": "Bearer "}):
        assert client.get("/metrics", headers=header).status_code == 404


def test_the_loop_is_told_as_the_database_has_it(visitor: Visitor, clean: Engine):
    visitor.answer_of(visitor.ask())
    with session_scope(clean) as session:
        persona = find_persona(session, "pirate")
        add_serving_version(session, persona)
        add_training_set(session, persona, cutoff=AT - timedelta(days=1))
        for night in (1, 2):
            add_training_set(session, persona, cutoff=AT + timedelta(days=night))
    said = visitor.client.get("/metrics", headers=TOKEN).text
    assert value(said, 'persona_loop_asks_total{persona="pirate"}') == 1
    assert value(said, 'persona_loop_versions_total{persona="pirate"}') == 1
    assert value(said, 'persona_loop_decisions_total{persona="pirate",verdict="PASS"}') == 1
    assert value(said, 'persona_loop_nights_without_promotion{persona="pirate"}') == 2


def test_requests_are_counted_by_declared_route_and_nothing_that_was_sent(visitor: Visitor):
    visitor.get("/p/pirate")
    visitor.get("/p/a-private-word")
    visitor.client.open("/another-private-word", method="BREW")
    said = visitor.client.get("/metrics", headers=TOKEN).text
    seen = 'persona_loop_request_seconds_count{method="GET",route="/p/<slug>",status="2xx"}'
    assert value(said, seen) >= 1
    assert "private" not in said
    assert "BREW" not in said


def test_the_folder_of_the_workers_metrics_begins_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "metrics"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    for _ in range(2):  # not there, then full
        on_starting(None)
        assert list(folder.iterdir()) == []
        (folder / "histogram_1.db").write_bytes(b"old")


def test_processes_at_one_address_add_up(tmp_path: Path):
    counting = (
        "from services.request_metrics import count_request, exposition\n"
        "count_request(route='/', method='GET', status=200, seconds=0.1)\n"
        "print(exposition().decode())"
    )
    for times in (1, 2):
        ran = subprocess.run(
            [sys.executable, "-c", counting],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        series = 'persona_loop_request_seconds_count{method="GET",route="/",status="2xx"}'
        assert value(ran.stdout, series) == times


def test_a_line_in_json_names_persona_and_version(visitor: Visitor, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="feedback_app"):
        visitor.get(visitor.answer_of(visitor.ask()))
    line = json.loads(JsonLines().format(caplog.records[-1]))
    assert (line["persona"], line["version"], line["status"]) == ("pirate", 0, 200)
    assert line["logger"] == "feedback_app.request_log"
