"""The folder of an installation: other accounts pass through it and read nothing in it."""

import os
from pathlib import Path

import pytest

from services.operations.secrets import ensure_secrets
from services.settings import read_settings
from services.var_dir import make_private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_one_is_passed_through_and_not_listed_whatever_the_umask(tmp_path: Path, umask: int):
    before = os.umask(umask)
    make_private(tmp_path / "above" / "var")
    os.umask(before)
    assert mode(tmp_path / "above" / "var") == 0o711
    assert mode(tmp_path / "above") == 0o711


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path):
    (tmp_path / "adapters").mkdir()
    (tmp_path / "cli-rater").touch()
    (tmp_path / "log").mkdir()
    for path, was in ((tmp_path, 0o755), (tmp_path / "adapters", 0o755), (tmp_path / "cli-rater", 0o644)):
        path.chmod(was)
    (tmp_path / "log").chmod(0o750)
    make_private(tmp_path)
    assert mode(tmp_path) == 0o751
    assert (mode(tmp_path / "adapters"), mode(tmp_path / "cli-rater")) == (0o750, 0o640)
    assert mode(tmp_path / "log") == 0o750


def test_what_a_process_writes_once_it_has_read_the_settings_is_its_accounts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ensure_secrets(tmp_path)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    before = os.umask(0o022)
    try:
        read_settings()
        (tmp_path / "runs").mkdir()
        (tmp_path / "cli-rater").touch()
    finally:
        os.umask(before)
    assert (mode(tmp_path / "runs"), mode(tmp_path / "cli-rater")) == (0o700, 0o600)
