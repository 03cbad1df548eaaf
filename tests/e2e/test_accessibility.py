"""Every page of the app as axe sees it: nothing grave that keeps out who hears pages or has no mouse.

Each is looked at on a desk in light colours and on a phone in dark ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from feedback_app import create_app
from services.db.session import session_scope
from services.settings import Settings
from tests.builders import add_persona
from tests.conftest import cut_away
from tests.fakes import FakeGenerator
from tests.feedback_app.conftest import PASSWORD
from tests.feedback_app.every_page import NAME, Filled, fill, pages
from tests.served import served_here

SCREENS = (("light", 1280), ("dark", 375))
GRAVE = {"serious", "critical"}


@dataclass(frozen=True, slots=True)
class Site:
    app: Flask
    address: str
    filled: Filled


@pytest.fixture(scope="module")
def site(settings: Settings, engine: Engine) -> Iterator[Site]:
    """An app in which every kind of page has something to show to an admin who also asks and rates."""
    with cut_away(engine):
        with session_scope(engine) as session:
            filled = fill(session, add_persona(session), at=datetime.now(UTC))
        app = create_app(settings, engine=engine, generator=FakeGenerator())
        with served_here(app) as address:
            yield Site(app, address, filled)


def faults(page: Page, where: str) -> list[str]:
    """What axe finds grave on the page as it stands, on both screens."""
    found = []
    for scheme, width in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in GRAVE:
                nodes = [f"{node['target']} {node['failureSummary']}" for node in violation["nodes"][:3]]
                found.append(f"{where} ({scheme}, {width}): {violation['id']}: {nodes}")
    return found


def sign_in(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/sign-in")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name=NAME)).to_be_visible()


def test_no_page_keeps_anybody_out(browser: Browser, site: Site):
    page = browser.new_page()
    found = faults_of(page, site, "accounts.sign_in_page", "accounts.invitation")
    sign_in(page, site)
    found += faults_of(page, site)
    page.close()
    assert not found, "\n".join(found)


def faults_of(page: Page, site: Site, *only: str) -> list[str]:
    """Of these pages, or of all; each has to be there."""
    found = []
    for rule in pages(site.app):
        if only and rule.endpoint not in only:
            continue
        response = page.goto(f"{site.address}{site.filled.path(site.app, rule)}")
        assert response is not None
        assert response.status == 200, rule.endpoint
        found += faults(page, rule.endpoint)
    return found


def test_nor_does_what_a_page_says_back(browser: Browser, site: Site):
    """What was refused, saved, edited; a page that is not there."""
    page = browser.new_page()
    sign_in(page, site)
    page.goto(f"{site.address}/nowhere")
    found = faults(page, "nowhere")
    page.goto(f"{site.address}/p/pirate")
    page.get_by_label("Your question").fill("?" * 5_000)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("5,000 characters")
    found += faults(page, "a question refused")
    page.goto(f"{site.address}/answers/{site.filled.named['answer_id']}")
    page.get_by_role("button", name="Thumb up").evaluate("button => { button.form.noValidate = true; }")
    page.get_by_role("button", name="Thumb up").click()
    expect(page.get_by_role("alert")).to_contain_text("tick the box")
    found += faults(page, "a rating refused")
    page.get_by_role("checkbox", name="I have read this and agree").check()
    page.get_by_role("button", name="Thumb up").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    found += faults(page, "a rating saved")
    page.get_by_text("Keys", exact=True).click()
    page.get_by_role("button", name="Edit this answer").click()
    found += faults(page, "an answer being edited, and the keys")
    page.close()
    assert not found, "\n".join(found)
