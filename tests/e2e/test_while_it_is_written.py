"""A person in Chromium who reads an answer while it is written: stopped, broken off, waited for."""

import threading
import time

from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, select

from services.adapters.file_store import FileAdapterStore
from services.db.feedback_tables import QuestionRow, RaterRow
from services.db.session import session_scope
from services.jobs.erase import erase_with
from services.jobs.installation import Installation
from services.settings import Settings
from tests.e2e.chromium import check_width, photograph
from tests.e2e.spoken import QUESTION
from tests.fakes import FakeGenerator


def test_an_answer_is_read_while_it_is_written_and_stopped_and_the_conversation_goes_on(
    browser: Browser, site: str, generator: FakeGenerator
):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto(f"{site}/p/pirate")
    may_go_on, words = threading.Event(), iter(range(1000))
    generator.between_words = lambda: may_go_on.wait(30) if next(words) == 5 else time.sleep(0.1)
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    written = page.locator("[data-written]")
    expect(written).to_have_text("The moon's gravity pulls on all")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    photograph(page, "being-written")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    may_go_on.set()
    page.wait_for_url("**/answers/*")
    expect(page.get_by_text("You stopped it here.")).to_be_visible()
    expect(page.locator("#answer-text")).to_contain_text("The moon's gravity pulls on all")
    expect(page.locator("#answer-text")).not_to_contain_text("up to metres")

    generator.between_words = lambda: None
    first = page.url
    page.get_by_label("Ask Pirate a further question").fill("And the lakes?")
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(lambda url: url != first)
    expect(page.get_by_role("heading", name="And the lakes?")).to_be_visible()
    expect(page.locator(".turns")).to_contain_text(QUESTION)
    photograph(page, "conversation")
    page.set_viewport_size({"width": 375, "height": 800})
    check_width(page, "conversation-375")
    photograph(page, "conversation-375")
    second = page.url
    page.get_by_label("Or ask the same once more").select_option("professor")
    page.get_by_role("button", name="Ask again").click()
    page.wait_for_url(lambda url: url != second)
    expect(page.get_by_text("answered by The Professor")).to_be_visible()
    page.close()


def test_a_question_of_somebody_who_is_erased_meanwhile_is_not_asked_again_by_their_page(
    browser: Browser, site: str, generator: FakeGenerator, engine: Engine, settings: Settings
):
    store = FileAdapterStore(settings.store_url)

    def erase() -> None:
        with session_scope(engine) as session:
            rater = str(session.scalars(select(RaterRow.id)).one())
        erase_with(Installation(settings, engine, store, generator), rater, "by letter", "test")

    page = browser.new_page()
    page.goto(f"{site}/p/pirate")
    generator.between_words = erase
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("All you said here is deleted.")).to_be_visible()
    with session_scope(engine) as session:
        assert [row.text for row in session.scalars(select(QuestionRow))] == [""]
    page.close()


def test_a_stream_that_breaks_off_ends_on_the_page_of_the_answer(
    browser: Browser, site: str, generator: FakeGenerator
):
    page = browser.new_page()
    page.goto(f"{site}/p/pirate")
    broken = {"status": 200, "content_type": "text/event-stream", "body": 'event: piece\ndata: "Half"\n\n'}
    streamed = "text/event-stream"
    page.route(
        "**/ask",
        lambda route: (
            route.fulfill(**broken) if route.request.headers["accept"] == streamed else route.continue_()
        ),
    )
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    page.wait_for_url("**/answers/*")
    expect(page.locator("#answer-text")).to_contain_text("up to metres")
    assert len(generator.requests) == 1
    page.close()


def test_while_the_persona_writes_the_page_says_so_and_takes_no_second_click(browser: Browser, site: str):
    page = browser.new_page()
    page.goto(f"{site}/p/pirate")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    # Told by the page itself as the form leaves: Playwright looks again only at the answer's page.
    page.evaluate(
        """document.addEventListener("submit", ({target}) => console.log(
            target.querySelector("button").disabled, target.querySelector("[role=status]").textContent))"""
    )
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    page.wait_for_url("**/answers/*")
    assert said == ["true Pirate is writing…"]
    page.go_back()
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    page.close()
