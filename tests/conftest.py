"""Fixtures every test may use: a real PostgreSQL with the migrated schema, sessions that leave no trace."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.db import migrate
from services.db.embedded import embedded_url, start, stop
from services.db.session import make_engine
from services.operations.secrets import ensure_secrets
from services.settings import Settings, read_settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def var_dir() -> Iterator[Path]:
    """A folder of this run's own; another run of pytest may close pytest's to PostgreSQL's user."""
    with tempfile.TemporaryDirectory(prefix="persona-loop-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def settings(var_dir: Path) -> Settings:
    """Settings of a throw-away installation: its own folder, its own generated secrets."""
    ensure_secrets(var_dir)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VAR_DIR", str(var_dir))
        environment.delenv("DATABASE_URL", raising=False)
        return read_settings()


@pytest.fixture(scope="session")
def database_url(settings: Settings) -> Iterator[str]:
    """A PostgreSQL server of this test run alone."""
    start(settings)
    url = embedded_url(settings)
    assert url is not None
    yield url
    stop(settings)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the schema that the migrations build; tests that commit clean up after themselves."""
    engine = make_engine(database_url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session inside a transaction that is rolled back; commits inside it are savepoints."""
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        transaction.rollback()
