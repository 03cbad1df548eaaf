"""Warming on a real database: what a committed move announces is loaded, and a refusal ends nothing."""

import time
from queue import Queue

import pytest
from sqlalchemy import Engine, text

from services.adapters.promotions import rollback
from services.db.session import session_scope
from services.domain.personas import PersonaSlug
from services.errors.artifacts import AdapterMissing
from services.errors.outages import AnotherBaseServed
from services.serving.warming import start_warming
from tests.builders import AT, add_persona
from tests.lineage_builders import add_serving_version

WITHIN = 10.0  # seconds


def wait_for_a_listener(engine: Engine) -> None:
    deadline = time.monotonic() + WITHIN
    listening = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    while time.monotonic() < deadline:
        with session_scope(engine) as session:
            if session.scalar(listening):
                return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


def test_what_a_move_announces_is_loaded_and_a_refusal_ends_nothing(
    clean: Engine, caplog: pytest.LogCaptureFixture
):
    """That another server holds the base is no trouble and warns nobody."""
    loaded: Queue[str] = Queue()

    def load(name: str) -> None:
        loaded.put(name)
        if name == "base":
            raise AnotherBaseServed(name, trained_on="one", served="another")
        raise AdapterMissing(name)

    with session_scope(clean) as session:
        add_serving_version(session, add_persona(session, slug="warmed"), number=1)
    start_warming(clean, load)
    wait_for_a_listener(clean)
    for to_version, name in ((0, "base"), (1, "warmed@000000000001")):
        with session_scope(clean) as session:
            rollback(
                session,
                persona=PersonaSlug("warmed"),
                to_version=to_version,
                reason="a test",
                actor="me",
                at=AT,
            )
        assert loaded.get(timeout=WITHIN) == name
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert not any("warming base" in message for message in warned)
