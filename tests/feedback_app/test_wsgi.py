"""The app as it is served: gunicorn with threads, settings from the environment."""

import httpx
import pytest


@pytest.mark.usefixtures("engine")
def test_gunicorn_serves_the_app_and_answers_a_form_of_any_size(address: str):
    assert "Whom would you like to ask?" in httpx.get(f"{address}/").text
    for megabytes in (2, 20):
        sent = httpx.post(f"{address}/p/pirate/ask", data={"question": "q" * megabytes * 1_000_000})
        assert sent.status_code == 413
        assert "larger than 1,000,000 bytes" in sent.text
