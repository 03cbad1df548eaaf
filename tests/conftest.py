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
from argon2 import PasswordHasher
from safetensors.numpy import save_file
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services.accounts import passwords
from services.db import migrate
from services.db.embedded import embedded_url, start, stop
from services.db.session import make_engine, session_scope
from services.operations.secrets import ensure_secrets
from services.settings import Settings, read_settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session", autouse=True)
def dear_hasher() -> Iterator[PasswordHasher]:
    """The product's own, a fifth of a second of a core for each password; in its place is a cheap one."""
    dear = passwords._HASHER
    with pytest.MonkeyPatch.context() as product:
        product.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield dear


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
    _forget_crashes(url)
    yield url
    stop(settings)


def _forget_crashes(url: str) -> None:
    """Nobody kills this server and its data outlives no run: nothing has to reach the disk."""
    server = make_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        for option in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {option} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    server.dispose()


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
    """What was committed in the block is cut away at its end, whatever became of it.

    TRUNCATE would make every table and index anew, a tenth of a second each time. Vacuumed, those that had
    rows are left as it leaves them: the next rows lie in the order in which they are written.
    """
    try:
        yield engine
    finally:
        with session_scope(engine) as session:
            # Ledger and audit log refuse to be cut by a trigger; a replica's session runs none.
            session.execute(text("SET LOCAL session_replication_role = replica"))
            filled = _filled_tables(session)
            for table in filled:
                session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of the catalogue
        if filled:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"VACUUM {', '.join(filled)}"))


def _filled_tables(session: Session) -> list[str]:
    """Those with rows; whoever still writes one is waited for."""
    tables = session.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND relname <> 'alembic_version' ORDER BY oid"
        )
    ).all()
    session.execute(text(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE"))
    has_rows = " UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT FROM {one})" for one in tables)  # noqa: S608
    return list(session.scalars(text(has_rows)))


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
