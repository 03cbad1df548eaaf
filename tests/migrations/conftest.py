"""A database that no migration has touched."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, make_url, text

from services.db.session import make_engine


@pytest.fixture
def empty_database(database_url: str) -> Iterator[Engine]:
    """A database without any table, dropped afterwards."""
    server = make_engine(database_url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE migrations_test"))
    url = make_url(database_url).set(database="migrations_test").render_as_string(hide_password=False)
    engine = make_engine(url)
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE migrations_test WITH (FORCE)"))
    server.dispose()
