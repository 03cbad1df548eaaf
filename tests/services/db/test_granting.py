"""The service's own role cannot rewrite what was written, nor take away what guards it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from services.db.embedded import embedded_url
from services.db.granting import NEVER_CHANGED, may_rewrite
from services.db.session import make_engine, session_scope
from services.settings import Settings
from tests.builders import add_persona


@pytest.fixture
def service(settings: Settings, clean: Engine) -> Iterator[Engine]:
    """The database of the tests, signed in to as the service does."""
    url = embedded_url(settings)
    assert url is not None
    engine = make_engine(url)
    with session_scope(clean) as session:
        add_persona(session, slug="guarded")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("table", NEVER_CHANGED)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET actor = 'x'",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "DROP TABLE {} CASCADE",
        "CREATE TRIGGER mine BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    ],
)
def test_what_the_service_may_not(service: Engine, table: str, statement: str):
    with service.connect() as connection, pytest.raises(ProgrammingError, match=r"denied|must be owner"):
        connection.execute(text(statement.format(table)))


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS ''",
        "UPDATE alembic_version SET version_num = 'x'",
        "CREATE TABLE mine (id int)",
    ],
)
def test_the_guards_themselves_are_out_of_its_reach(service: Engine, statement: str):
    with service.connect() as connection, pytest.raises(ProgrammingError, match=r"denied|must be owner"):
        connection.execute(text(statement))


def test_it_works_with_everything_else_and_has_rows_counted(service: Engine):
    with session_scope(service) as session:
        add_persona(session, slug="of-the-service")
        session.execute(text("SELECT count_rows('personas', 'prompt_signatures')"))


def test_it_is_known_who_could_rewrite(service: Engine, clean: Engine):
    with service.connect() as ours, clean.connect() as owners:
        assert not may_rewrite(ours)
        assert may_rewrite(owners)
