"""SIGKILL in the middle of an answer that somebody reads as it is written: of the worker, of the whole app.

The app runs as it does for people, by the Procfile; what is asked is asked by the page in Chromium.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import Engine, func, select

from benchmarks._installation import own_installation
from benchmarks._killing import Kills
from benchmarks._serving import database
from benchmarks._web import WebApp, web_app
from services.db.feedback_tables import AnswerRow, QuestionRow
from services.db.session import session_scope
from tests.builders import add_persona
from tests.e2e.chromium import photograph
from tests.e2e.slow_model import HALF, REST, SlowModel, slow_model
from tests.e2e.spoken import QUESTION
from tests.feedback_app.conftest import hidden_fields

IN_TIME_MS = 30_000
SILENT_MS, AWAY_MS = 31_000, 61_000  # a second more than the page waits


@dataclass(frozen=True)
class Service:
    web: WebApp
    kills: Kills
    engine: Engine
    model: SlowModel

    def asked(self) -> int:
        with session_scope(self.engine) as session:
            return session.scalar(select(func.count()).select_from(QuestionRow)) or 0

    def answers(self) -> list[str]:
        with session_scope(self.engine) as session:
            return list(session.scalars(select(AnswerRow.text).order_by(AnswerRow.created_at)))

    def kill_workers(self) -> None:
        """Whichever of them writes; gunicorn's main process starts others."""
        for worker in self.web.workers():
            worker.kill()

    def bring_back(self) -> None:
        """As `make up` does, every second."""
        self.kills.watch(time.monotonic() + 4.0)


@pytest.fixture(scope="module")
def service(own_var_dir: Path) -> Iterator[Service]:
    with (
        slow_model() as model,
        own_installation(own_var_dir, INFERENCE_URL=model.address) as settings,
        database(settings) as engine,
    ):
        with session_scope(engine) as session:
            add_persona(session)
        with web_app(settings) as web:
            yield Service(web, Kills(settings, web), engine, model)


@pytest.fixture
def reading(service: Service, browser: Browser) -> Iterator[Page]:
    """A page on which half of an answer stands, and the rest is being written."""
    service.model.may_go_on.clear()
    page = browser.new_page()
    page.clock.install()
    page.goto(f"{service.web.address}/p/pirate")
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("[data-written]")).to_have_text(HALF)
    yield page
    service.model.may_go_on.set()
    page.close()


def status_of(page: Page) -> Locator:
    return page.locator("form.sheet [data-status]")


def away(page: Page) -> Locator:
    return status_of(page).filter(has_text="The service does not answer just now.")


def read_whole(page: Page) -> None:
    page.wait_for_url("**/answers/*", timeout=IN_TIME_MS)
    expect(page.locator("#answer-text")).to_have_text(HALF + REST)


def test_a_worker_that_is_killed_costs_nobody_their_answer(service: Service, reading: Page):
    asked, answers = service.asked(), service.answers()
    service.kill_workers()
    service.model.may_go_on.set()
    read_whole(reading)
    assert (service.asked(), service.answers()) == (asked, [*answers, HALF + REST])


def test_while_the_whole_app_is_gone_the_page_says_so_and_goes_on_by_itself(service: Service, reading: Page):
    asked, answers = service.asked(), service.answers()
    service.kills.every_worker()
    expect(away(reading)).to_be_visible()
    expect(reading.get_by_label("Your question")).to_have_value(QUESTION)
    photograph(reading, "service-away")
    assert service.answers() == answers
    service.model.may_go_on.set()
    service.bring_back()
    read_whole(reading)
    assert (service.asked(), service.answers()) == (asked, [*answers, HALF + REST])


def test_who_waited_long_enough_has_the_question_still_and_sends_it_themselves(
    service: Service, reading: Page
):
    asked, answers = service.asked(), service.answers()
    service.kills.every_worker()
    expect(away(reading)).to_be_visible()
    reading.clock.fast_forward(AWAY_MS)
    expect(status_of(reading)).to_contain_text("Your question is still here: send it again in a minute.")
    button = reading.get_by_role("button", name="Ask")
    expect(button).to_be_focused()
    expect(reading.get_by_label("Your question")).to_have_value(QUESTION)
    service.model.may_go_on.set()
    service.bring_back()
    button.click()
    read_whole(reading)
    assert (service.asked(), service.answers()) == (asked, [*answers, HALF + REST])


def test_an_app_that_says_nothing_more_is_noticed(service: Service, reading: Page):
    asked, answers = service.asked(), service.answers()
    stopped = [service.web.main, *service.web.workers()]
    for process in stopped:
        process.suspend()
    try:
        reading.clock.fast_forward(SILENT_MS)
        expect(away(reading)).to_be_visible(timeout=IN_TIME_MS)
    finally:
        for process in stopped:
            process.resume()
    service.model.may_go_on.set()
    read_whole(reading)
    assert (service.asked(), service.answers()) == (asked, [*answers, HALF + REST])


def test_without_a_script_the_same_form_has_one_answer(service: Service):
    service.model.may_go_on.clear()
    asked, answers, begun = service.asked(), service.answers(), service.model.asked
    page = f"{service.web.address}/p/pirate"
    with httpx.Client(timeout=IN_TIME_MS / 1000, trust_env=False) as client, ThreadPoolExecutor(1) as pool:
        form = hidden_fields(client.get(page), "/p/pirate/ask") | {"question": QUESTION}
        sent = pool.submit(client.post, f"{page}/ask", data=form)
        until(lambda: service.model.asked > begun)
        service.kill_workers()
        with pytest.raises(httpx.TransportError):
            sent.result(IN_TIME_MS / 1000)
        assert (service.asked(), service.answers()) == (asked + 1, answers)
        service.model.may_go_on.set()
        led = [client.post(f"{page}/ask", data=form) for _ in range(2)]
    assert [one.status_code for one in led] == [303, 303]
    assert led[0].headers["Location"] == led[1].headers["Location"]
    assert (service.asked(), service.answers()) == (asked + 1, [*answers, HALF + REST])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + IN_TIME_MS / 1000
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
