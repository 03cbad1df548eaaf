"""Commands run in this process, on a database of their module's own."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, make_url, text
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.db import migrate
from services.db.session import make_engine
from services.settings import Settings


@pytest.fixture(scope="module")
def command_engine(database_url: str, settings: Settings) -> Iterator[Engine]:
    """A database of these tests' own, which commands reach through the environment and may commit to."""
    server = make_engine(database_url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE commands_test"))
    url = make_url(database_url).set(database="commands_test").render_as_string(hide_password=False)
    engine = make_engine(url)
    migrate.upgrade(engine)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VAR_DIR", str(settings.var_dir))
        environment.setenv("DATABASE_URL", url)
        environment.setenv("INFERENCE_URL", "http://127.0.0.1:9")  # nothing listens there
        yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE commands_test WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.delenv("COLUMNS", raising=False)  # a terminal's, as tests that run in parallel have one

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke
