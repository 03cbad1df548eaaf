"""The app as it is served: gunicorn with threads, settings from the environment."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from services.settings import Settings

PATIENCE_S = 30


@pytest.fixture(scope="module")
def address(settings: Settings, database_url: str) -> Iterator[str]:
    """Where a gunicorn with the app listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"VAR_DIR": str(settings.var_dir), "DATABASE_URL": database_url}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--threads", "4", "--no-control-socket"),
            *("--bind", f"127.0.0.1:{port}", "feedback_app.wsgi:app"),
        ],
        env=environment,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def wait_until_up(address: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            httpx.get(f"{address}/healthz").raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "gunicorn did not start"
            time.sleep(0.2)
        else:
            return


@pytest.mark.usefixtures("engine")
def test_gunicorn_serves_the_app_and_answers_a_form_of_any_size(address: str):
    wait_until_up(address)
    assert "Whom would you like to ask?" in httpx.get(f"{address}/").text
    for megabytes in (2, 20):
        sent = httpx.post(f"{address}/p/pirate/ask", data={"question": "q" * megabytes * 1_000_000})
        assert sent.status_code == 413
        assert "larger than 1,000,000 bytes" in sent.text
