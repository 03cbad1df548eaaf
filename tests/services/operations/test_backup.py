"""Backing up and restoring, by the commands that docs/operations.md names, on a real server of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from services.db import embedded, migrate
from services.db.postgres_programs import programs
from services.db.session import make_engine, owner_url, session_scope
from services.operations.pgpass import pgpass_file, write_pgpass
from services.operations.secrets import ensure_secrets
from services.settings import ROOT, Settings
from tests.builders import add_persona


@pytest.fixture(scope="module")
def own_settings(own_var_dir: Path) -> Iterator[Settings]:
    settings = Settings(_env_file=ensure_secrets(own_var_dir / "var"), var_dir=own_var_dir / "var")
    (settings.var_dir / "adapters").mkdir()
    embedded.start(settings)
    yield settings
    embedded.stop(settings)


@pytest.fixture(scope="module")
def own_engine(own_settings: Settings) -> Iterator[Engine]:
    engine = make_engine(owner_url(own_settings))
    migrate.upgrade(engine)
    with session_scope(engine) as session:
        add_persona(session, slug="kept")
    yield engine
    engine.dispose()


def documented() -> list[str]:
    """The blocks of commands: back up, try the restore, restore."""
    chapter = (
        (ROOT / "docs" / "operations.md").read_text().split("## Back up and restore")[1].split("\n## ")[0]
    )
    return chapter.split("```")[1::2]


def run(settings: Settings, commands: str) -> str:
    folder = settings.var_dir.parent
    own = folder / "bin"
    own.mkdir(exist_ok=True)
    command = own / "persona-loop"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from services.cli.main import main; main()" "$@"\n'
    )
    command.chmod(0o700)
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    path = os.pathsep.join([str(own), str(programs()), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euxc", commands],
        cwd=folder,
        env={**inherited, "PATH": path, "VAR_DIR": str(settings.var_dir), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def slugs(engine: Engine) -> list[str]:
    with session_scope(engine) as session:
        return list(session.scalars(text("SELECT slug FROM personas")))


def test_what_is_lost_comes_back_and_no_command_names_the_password(
    own_settings: Settings, own_engine: Engine
):
    back_up, drill, restore = documented()
    said = run(own_settings, back_up + drill)
    copies = own_settings.var_dir.parent / "backup"
    assert {path.name for path in copies.iterdir()} == {"persona_loop.dump", "adapters", "secrets.env"}
    assert [path for path in copies.iterdir() if path.is_file() and path.stat().st_mode & 0o077] == []
    with session_scope(own_engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("TRUNCATE personas CASCADE"))
    assert slugs(own_engine) == []
    own_engine.dispose()
    said += run(own_settings, restore)
    assert slugs(own_engine) == ["kept"]
    assert "pg_dump --format=custom" in said  # bash says every command with its arguments
    assert own_settings.database_password.get_secret_value() not in said


def test_a_password_with_colons_is_read_back(own_var_dir: Path):
    url = "postgresql+psycopg2://a:p%3Aa%5Css@db:5433/ours?sslmode=require"
    settings = Settings(
        _env_file=ensure_secrets(own_var_dir / "other"), var_dir=own_var_dir / "other", database_url=url
    )
    assert write_pgpass(settings) == "postgresql://a@db:5433/ours?sslmode=require"
    assert pgpass_file(settings).read_text() == "db:5433:*:a:p\\:a\\\\ss\n"
    assert pgpass_file(settings).stat().st_mode & 0o777 == 0o600
