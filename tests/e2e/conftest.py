"""The app as a browser meets it: its server and PostgreSQL are real, only the model is a fake."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from feedback_app import create_app
from services.db.session import session_scope
from services.settings import Settings
from tests.builders import add_persona
from tests.conftest import cut_away
from tests.e2e.chromium import running_chromium
from tests.e2e.spoken import LEARNED, PLAIN
from tests.fakes import FakeGenerator
from tests.served import served_here


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator(text=PLAIN, by_model={"pirate@000000000001": LEARNED})


@pytest.fixture
def site(settings: Settings, engine: Engine, generator: FakeGenerator) -> Iterator[str]:
    """The address of a running app with two personas."""
    with cut_away(engine):
        with session_scope(engine) as session:
            add_persona(session, slug="pirate", display_name="Pirate")
            add_persona(session, slug="professor", display_name="The Professor")
        with served_here(create_app(settings, engine=engine, generator=generator)) as address:
            yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser
