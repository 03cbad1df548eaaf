"""Every page has its pictures in the documentation, at both widths, and none is of a page that went away."""

from uuid import UUID

import pytest
from flask import Flask

from feedback_app import create_app
from services.db.session import make_engine
from services.settings import Settings
from tests.e2e.screens import FOLDER, NO_SCREEN, SCREENS, WIDTHS
from tests.fakes import FakeGenerator
from tests.feedback_app.every_page import pages

ANYTHING = dict.fromkeys(("run", "decision", "candidate", "champion"), "1") | dict.fromkeys(
    ("answer", "peer", "comparison", "reviewed"), str(UUID(int=1))
)


@pytest.fixture
def app(settings: Settings) -> Flask:
    nowhere = make_engine("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")
    return create_app(settings, engine=nowhere, generator=FakeGenerator(text=""))


def photographed(app: Flask) -> set[str]:
    """The endpoints that SCREENS shows; fails where nothing is at a path."""
    adapter = app.url_map.bind("localhost")
    filled = [screen.path.format(tutor="tutor", invitation="token", **ANYTHING) for screen in SCREENS]
    return {adapter.match(path, method="GET")[0] for path in filled}


def test_every_page_is_photographed(app: Flask):
    there = {rule.endpoint for rule in pages(app)}
    assert set(NO_SCREEN) <= there
    assert there - set(NO_SCREEN) == photographed(app)


def test_the_pictures_are_those_that_the_documentation_shows():
    there = {path.name for path in FOLDER.glob("*")}
    assert there == {screen.picture(width).name for screen in SCREENS for width in WIDTHS}
    told = FOLDER.with_suffix(".md").read_text(encoding="utf-8")
    assert all(f"(screens/{name})" in told for name in there)
