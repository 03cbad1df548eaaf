"""A decision's page as one file."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from services.cli.main import app
from services.db.session import session_scope
from services.settings import Settings
from tests.builders import AT, add_persona
from tests.judged_versions import add_judged


@pytest.fixture
def decision_id(clean: Engine) -> int:
    with session_scope(clean) as session:
        return add_judged(session, add_persona(session), at=AT).decision.id


def test_the_command_writes_one_file_that_needs_nothing_else(
    settings: Settings, database_url: str, decision_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    monkeypatch.setenv("DATABASE_URL", database_url)
    out = tmp_path / "decision.html"
    done = CliRunner().invoke(app, ["gate", "report", str(decision_id), "--out", str(out)])
    assert done.exit_code == 0, done.output
    nowhere = CliRunner().invoke(app, ["gate", "report", str(decision_id), "--out", "/nowhere/x.html"])
    assert (nowhere.exit_code, "cannot be written" in nowhere.output) == (2, True)
    text = out.read_text(encoding="utf-8")
    assert str(out) in done.output.replace("\n", "")
    for shown in (
        "INSUFFICIENT",
        "The most improved answers",
        "answers in style",
        "audience: student",
        ".sheet {",
    ):
        assert shown in text
    assert not re.search(r'(src|srcset|href)="(?!data:image/svg)', text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(" in text
    assert "&lt;b&gt;thing&lt;/b&gt;" in text


def test_a_decision_that_does_not_exist_leaves_no_file(
    settings: Settings, database_url: str, decision_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    monkeypatch.setenv("DATABASE_URL", database_url)
    out = tmp_path / "none.html"
    done = CliRunner().invoke(app, ["gate", "report", str(decision_id + 1), "--out", str(out)])
    assert done.exit_code == 1
    assert not out.exists()
