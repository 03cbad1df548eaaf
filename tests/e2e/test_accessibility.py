"""Every page of the app as axe sees it: nothing grave that keeps out who hears pages or has no mouse.

Pages are found by the app's own addresses: a new one is visited, or named here with the reason why not. Each
is looked at on a desk in light colours and on a phone in dark ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine
from werkzeug.routing import Rule

from feedback_app import create_app
from services.accounts import invitations
from services.db.comparing_tables import ComparisonOfferRow
from services.db.feedback_tables import PeerOfferRow
from services.db.session import session_scope
from services.domain.comparing import OfferKind
from services.domain.feedback import Choice, RaterId
from services.domain.roles import Role
from services.settings import Settings
from tests.builders import AT, add_answer, add_persona, add_rating
from tests.conftest import cut_away
from tests.fakes import FakeGenerator
from tests.judged_versions import add_judged
from tests.lineage_builders import add_canary
from tests.served import served_here
from tests.told_runs import add_told_run

NAME, PASSWORD = "Ada", "correct horse battery"
NOT_PAGES = {
    "static": "files",
    "bootstrap.static": "files",
    "curating.metrics_drawing": "a drawing, described where it is shown",
    "curating.ratings_drawing": "a drawing, described where it is shown",
    "curating.canary_drawing": "a drawing, described where it is shown",
    "decisions.intervals": "a drawing, described where it is shown",
    "runs.loss_drawing": "a drawing, described where it is shown",
    "runs.memory_drawing": "a drawing, described where it is shown",
    "own_data.export": "a file to take along",
    "judging.of_decision": "leads on to judging.page",
    "health.healthz": "for machines",
    "health.readyz": "for machines",
    "metrics.metrics": "for machines",
}
SCREENS = (("light", 1280), ("dark", 375))
GRAVE = {"serious", "critical"}


@dataclass(frozen=True, slots=True)
class Site:
    """`known` is what addresses are filled in with, by the name of their part; `own` instead for one page."""

    app: Flask
    address: str
    known: dict[str, object]
    own: dict[str, dict[str, object]]

    def path(self, rule: Rule) -> str:
        given = self.known | self.own.get(rule.endpoint, {})
        with self.app.test_request_context():
            path = self.app.url_for(rule.endpoint, **{name: given[name] for name in rule.arguments})
        return f"{self.address}{path}"


@pytest.fixture(scope="module")
def site(settings: Settings, engine: Engine) -> Iterator[Site]:
    """An app in which every kind of page has something to show to an admin who also asks and rates."""
    with cut_away(engine):
        known, own = fill(engine)
        app = create_app(settings, engine=engine, generator=FakeGenerator())
        with served_here(app) as address:
            yield Site(app, address, known, own)


def fill(engine: Engine) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    now = datetime.now(UTC)
    with session_scope(engine) as session:
        persona = add_persona(session, slug="pirate", display_name="Pirate")
        token = invitations.invite(session, Role.ADMIN, actor="test", at=now)
        account = invitations.accept(session, token, name=NAME, password=PASSWORD, rater=None, at=now)
        rater = RaterId(account.rater_id)
        judged = add_judged(session, persona, at=AT)
        answer = add_answer(session, persona, rater=rater)
        add_rating(session, answer, rater=rater, at=now)
        theirs = add_answer(session, persona, question="What is a keel?")
        session.add(PeerOfferRow(rater_id=rater, answer_id=theirs.id, offered_at=now))
        offer = ComparisonOfferRow(
            persona_id=persona.id,
            rater_id=rater,
            left_answer_id=theirs.id,
            right_answer_id=add_answer(session, persona, question="What is a keel?", text="Arr!").id,
            kind=OfferKind.NORMAL,
            offered_at=now,
            choice=Choice.TIE,  # so that none waits, and the page to begin on is shown
            chosen_at=now,
        )
        session.add(offer)
        session.flush()
        run = add_told_run(session, persona, at=now)
        add_canary(session, persona, number=4, at=now - timedelta(minutes=1))
        known: dict[str, object] = {
            "slug": "pirate",
            "answer_id": answer.id,
            "run_id": run.id,
            "decision_id": judged.decision.id,
            "candidate": judged.decision.candidate_report_id,
            "champion": judged.decision.champion_report_id,
            "offer_id": offer.id,
            "token": invitations.invite(session, Role.RATER, actor="test", at=now),
        }
    return known, {"peers.page": {"answer_id": theirs.id}}


def pages(app: Flask) -> list[Rule]:
    """Every address that a browser is led to; the API's documents are no pages."""
    rules = [one for one in app.url_map.iter_rules() if one.methods is not None and "GET" in one.methods]
    assert set(NOT_PAGES) <= {one.endpoint for one in rules}
    return [one for one in rules if one.endpoint not in NOT_PAGES and not one.endpoint.startswith("api.")]


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
        response = page.goto(site.path(rule))
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
    page.goto(f"{site.address}/answers/{site.known['answer_id']}")
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
