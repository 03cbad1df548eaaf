"""A request holds one connection at a time: with as many requests as connections nobody waits for another."""

import pytest
from sqlalchemy import Engine

from feedback_app import create_app
from services.db.session import make_engine
from services.domain.roles import Role
from services.settings import Settings
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import Visitor

PAGES = (
    "/",
    "/p/pirate",
    "/p/pirate/ledger",
    "/p/pirate/live",
    "/p/pirate/runs",
    "/p/pirate/curate",
    "/curate",
)


@pytest.mark.usefixtures("app")
def test_who_is_signed_in_is_shown_every_page_with_one_connection(
    settings: Settings, clean: Engine, generator: FakeGenerator
):
    one = make_engine(clean.url, pool_size=1)
    visitor = Visitor(create_app(settings, engine=one, generator=generator).test_client())
    visitor.sign_in(Role.ADMIN)
    assert [visitor.get(page).status_code for page in PAGES] == [200] * len(PAGES)
    one.dispose()
