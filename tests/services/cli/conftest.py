"""Commands run in this process, on a database of their module's own."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, make_url, text
from typer.testing import CliRunner, Result

from services.adapters.promotions import find_persona
from services.cli.main import app
from services.db import migrate
from services.db.session import make_engine, session_scope
from services.settings import Settings
from tests.lineage_builders import add_serving_version


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


@pytest.fixture(scope="module")
def pirate(command_engine: Engine) -> str:
    result = CliRunner().invoke(app, ["persona", "create", "pirate", "--name", "Pirate", "--marker", "arr"])
    assert result.exit_code == 0, result.output
    with session_scope(command_engine) as session:
        persona = find_persona(session, "pirate")
        add_serving_version(session, persona, number=1)
    return "pirate"
