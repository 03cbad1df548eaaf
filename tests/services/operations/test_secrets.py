"""Secrets: complete, private, different each time, never replaced."""

import base64
from pathlib import Path

from pydantic import SecretStr

from services.operations.secrets import ensure_secrets
from services.settings import Settings


def names_and_values(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_every_secret_that_the_settings_ask_for_is_made(tmp_path: Path):
    asked = {name.upper() for name, field in Settings.model_fields.items() if field.annotation is SecretStr}
    assert set(names_and_values(ensure_secrets(tmp_path / "var"))) == asked | {"METRICS_TOKEN"}


def test_nobody_else_may_read_the_file(tmp_path: Path):
    assert ensure_secrets(tmp_path).stat().st_mode & 0o777 == 0o600


def test_secrets_that_exist_are_kept(tmp_path: Path):
    before = ensure_secrets(tmp_path).read_text()
    assert ensure_secrets(tmp_path).read_text() == before


def test_a_secret_that_a_file_of_an_earlier_release_lacks_is_added_to_it(tmp_path: Path):
    path = ensure_secrets(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]).rstrip())
    ensure_secrets(tmp_path)
    again = path.read_text()
    assert again.startswith("".join(lines[:2]))
    assert names_and_values(path).keys() == {line.split("=")[0] for line in lines}


def test_no_two_secrets_and_no_two_installations_are_alike(tmp_path: Path):
    values = [
        value for name in ("a", "b") for value in names_and_values(ensure_secrets(tmp_path / name)).values()
    ]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 16


def test_the_fernet_key_is_one(tmp_path: Path):
    key = names_and_values(ensure_secrets(tmp_path))["AIRFLOW_FERNET_KEY"]
    assert len(base64.urlsafe_b64decode(key)) == 32


def test_nothing_but_the_file_is_left(tmp_path: Path):
    ensure_secrets(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]
