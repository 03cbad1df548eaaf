"""Fixtures every test may use: a real PostgreSQL with the migrated schema, sessions that leave no trace;
finished adapter folders.
"""

import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services.db import migrate
from services.db.embedded import embedded_url, start, stop
from services.db.session import make_engine, session_scope
from services.operations.secrets import ensure_secrets
from services.settings import Settings, read_settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def var_dir() -> Iterator[Path]:
    """A folder of this run's own, outside of pytest's, which is closed to PostgreSQL's user."""
    with tempfile.TemporaryDirectory(prefix="persona-loop-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def own_var_dir() -> Iterator[Path]:
    """As `var_dir`, for a module that starts a database server of its own, in it or below it."""
    with tempfile.TemporaryDirectory(prefix="persona-loop-tests-") as folder:
        Path(folder).chmod(0o711)
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
    url = embedded_url(settings, owner=True)
    assert url is not None
    yield url
    stop(settings)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the schema that the migrations build; tests that commit take `clean` instead."""
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


@contextmanager
def cut_away(engine: Engine) -> Iterator[Engine]:
    """What was committed in the block is cut away at its end, whatever became of it."""
    try:
        yield engine
    finally:
        with session_scope(engine) as session:
            # Ledger and audit log refuse to be cut by a trigger; a replica's session runs none.
            session.execute(text("SET LOCAL session_replication_role = replica"))
            counting = "rate_counters, asks_under_way"
            session.execute(
                text(f"TRUNCATE personas, raters, clients, audit_entries, alerts, {counting} CASCADE")
            )


@pytest.fixture
def clean(engine: Engine) -> Iterator[Engine]:
    with cut_away(engine):
        yield engine


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a PEFT folder; equal `weight` gives equal weights, other entries go into the configuration."""

    def make(weight: float = 1.0, **config: object) -> Path:
        folder = tmp_path / "trained" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        save_file({"lora_A": np.full((2, 3), weight, np.float32)}, folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, **config}))
        return folder

    return make
