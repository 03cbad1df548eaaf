"""The schema is built by migrations, forth and back, and equals what the tables declare."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from services.db import migrate
from services.db.session import make_engine
from tests.builders import AT, add_answer, add_persona, add_serving_version


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


def test_migrations_build_what_the_tables_declare_and_can_be_undone(empty_database: Engine):
    migrate.upgrade(empty_database)
    migrate.check(empty_database)
    migrate.downgrade(empty_database, "base")
    assert inspect(empty_database).get_table_names() == ["alembic_version"]
    migrate.upgrade(empty_database)
    migrate.check(empty_database)


@pytest.mark.parametrize("change", ["UPDATE promotions SET actor = 'x'", "DELETE FROM promotions"])
def test_the_ledger_refuses_changes(session: Session, change: str):
    add_serving_version(session, add_persona(session))
    session.flush()
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(change))


def test_a_full_promotion_without_a_decision_is_refused_by_the_database(session: Session):
    persona = add_persona(session)
    version = add_serving_version(session, persona)
    session.flush()
    with pytest.raises(IntegrityError, match="full_needs_a_decision"):
        session.execute(
            text(
                "INSERT INTO promotions (persona_id, adapter_version_id, kind, actor, reason, at) "
                "VALUES (:persona, :version, 'full', 'me', 'because', :at)"
            ),
            {"persona": persona.id, "version": version.id, "at": AT},
        )


def test_ratings_cannot_be_rewritten(session: Session):
    add_answer(session, add_persona(session))
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text("UPDATE ratings SET stars = 5"))
