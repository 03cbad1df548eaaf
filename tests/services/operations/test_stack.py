"""The stack refuses to start on a taken port before anything else is touched. The whole of it: tests/e2e."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.errors.outages import PortTaken, SettingsMissing
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
    assert {path.name for path in tmp_path.iterdir()} == {"secrets.env", "service.lock"}


def test_two_settings_may_not_name_one_port(tmp_path: Path):
    port = free_port()
    settings = Settings(
        _env_file=ensure_secrets(tmp_path), var_dir=tmp_path, feedback_port=port, airflow_port=port
    )
    with pytest.raises(PortTaken), Stack(settings, progress=lambda *_: None):
        pass


@pytest.mark.parametrize("name", ["FEEDBACK_HOST", "INFERENCE_HOST"])
def test_an_address_of_another_machine_is_named_by_its_setting(tmp_path: Path, name: str):
    ports = {field: free_port() for field in ("feedback_port", "inference_port", "airflow_port")}
    settings = Settings(
        _env_file=ensure_secrets(tmp_path), var_dir=tmp_path, **ports, **{name.lower(): "192.0.2.1"}
    )
    with pytest.raises(SettingsMissing, match=name), Stack(settings, progress=lambda *_: None):
        pass


def test_the_port_of_inference_is_looked_for_where_it_will_listen(tmp_path: Path):
    ports = {field: free_port() for field in ("feedback_port", "airflow_port")}
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.2", 0))
        other.listen()
        settings = Settings(
            _env_file=ensure_secrets(tmp_path),
            var_dir=tmp_path,
            inference_host="127.0.0.2",
            inference_port=int(other.getsockname()[1]),
            **ports,
        )
        with pytest.raises(PortTaken, match="INFERENCE_PORT"), Stack(settings, progress=lambda *_: None):
            pass


def test_each_other_base_has_a_server_on_a_port_after_the_first(tmp_path: Path):
    settings = Settings(
        _env_file=ensure_secrets(tmp_path),
        var_dir=tmp_path,
        inference_port=9001,
        other_base_models="/models/bigger microsoft/phi-2",
        other_inference_urls="http://10.0.0.5:8001",
    )
    assert settings.other_servers == {9002: "/models/bigger", 9003: "microsoft/phi-2"}
    assert settings.inference_endpoints == (
        "http://127.0.0.1:9001",
        "http://127.0.0.1:9002",
        "http://127.0.0.1:9003",
        "http://10.0.0.5:8001",
    )


def test_the_port_of_another_base_is_looked_at_before_anything_starts(tmp_path: Path, taken: int):
    settings = Settings(
        _env_file=ensure_secrets(tmp_path),
        var_dir=tmp_path,
        feedback_port=free_port(),
        airflow_port=free_port(),
        inference_port=taken - 1,
        other_base_models="/models/bigger",
    )
    with pytest.raises(PortTaken, match=f"Port {taken} "), Stack(settings, progress=lambda *_: None):
        pass


@pytest.mark.parametrize(
    ("host", "seen"),
    [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("10.0.0.5", "10.0.0.5")],  # noqa: S104
)
def test_the_inference_server_is_found_where_it_listens(tmp_path: Path, host: str, seen: str):
    settings = Settings(_env_file=ensure_secrets(tmp_path), var_dir=tmp_path, inference_host=host)
    assert settings.inference_endpoint == f"http://{seen}:8001"


def test_an_app_that_listens_everywhere_is_found_on_loopback(tmp_path: Path):
    settings = Settings(_env_file=ensure_secrets(tmp_path), var_dir=tmp_path, feedback_host="0.0.0.0")  # noqa: S104
    assert feedback_url(settings) == "http://127.0.0.1:8000"
