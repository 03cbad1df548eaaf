"""Building and changing the schema: Alembic's commands on one engine."""

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from services.db.granting import grant
from services.errors.outages import DatabaseUnavailable
from services.settings import ROOT


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, as its owner, and let the service's own role use it.

    DatabaseUnavailable when the server cannot be reached.
    """
    _run(engine, lambda config: command.upgrade(config, revision))
    with engine.begin() as connection:
        grant(connection)


def downgrade(engine: Engine, revision: str) -> None:
    _run(engine, lambda config: command.downgrade(config, revision))


def check(engine: Engine) -> None:
    """Raise alembic's own error when the tables declared in code differ from the migrated schema."""
    _run(engine, command.check)


def _run(engine: Engine, action: Callable[[Config], None]) -> None:
    config = Config(toml_file=ROOT / "pyproject.toml")
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            action(config)
            connection.commit()
    except OperationalError as error:
        raise DatabaseUnavailable(str(engine.url.host)) from error
