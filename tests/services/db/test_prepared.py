"""A statement is planned once for each connection, and goes with it."""

from sqlalchemy import Engine

from services.db.prepared import Prepared
from tests.counted import counted

ADD = Prepared("add", "SELECT {one} + {other} AS sum, {one} AS one", {"one": "integer", "other": "integer"})


def test_each_connection_plans_it_once_whatever_became_of_the_transaction(engine: Engine):
    with engine.connect() as first, engine.connect() as second, counted() as statements:
        for connection in (first, second):
            assert ADD.execute(connection, {"one": 1, "other": 2}).one() == (3, 1)
            connection.rollback()
            assert ADD.execute(connection, {"one": 2, "other": 40}).one() == (42, 2)
    assert [one.split()[0] for one in statements] == ["PREPARE", "EXECUTE", "EXECUTE"] * 2


def test_a_value_is_never_read_as_sql(engine: Engine):
    say = Prepared("say", "SELECT {text} AS text", {"text": "text"})
    said = "'); DROP TABLE ratings; -- {text} %s :text"
    with engine.connect() as connection:
        assert say.execute(connection, {"text": said}).scalar_one() == said
