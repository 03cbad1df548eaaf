"""The stack refuses to start on a taken port before anything else is touched. The whole of it: tests/e2e."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.errors import PortTaken
from services.operations.secrets import ensure_secrets
from services.operations.stack import Stack, feedback_url
from services.settings import Settings


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


@pytest.mark.parametrize("name", ["FEEDBACK_PORT", "INFERENCE_PORT", "AIRFLOW_PORT"])
def test_a_busy_port_is_named_before_anything_starts(tmp_path: Path, taken: int, name: str):
    ports = {field: free_port() for field in ("feedback_port", "inference_port", "airflow_port")}
    ports[name.lower()] = taken
    settings = Settings(_env_file=ensure_secrets(tmp_path), var_dir=tmp_path, **ports)
    with pytest.raises(PortTaken, match=name), Stack(settings, progress=lambda *_: None):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]


def test_two_settings_may_not_name_one_port(tmp_path: Path):
    port = free_port()
    settings = Settings(
        _env_file=ensure_secrets(tmp_path), var_dir=tmp_path, feedback_port=port, airflow_port=port
    )
    with pytest.raises(PortTaken), Stack(settings, progress=lambda *_: None):
        pass


def test_an_app_that_listens_everywhere_is_found_on_loopback(tmp_path: Path):
    settings = Settings(_env_file=ensure_secrets(tmp_path), var_dir=tmp_path, feedback_host="0.0.0.0")  # noqa: S104
    assert feedback_url(settings) == "http://127.0.0.1:8000"
