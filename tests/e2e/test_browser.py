"""A person in Chromium: asks, rates, corrects, comments, sees the history and the version that learned.

The app, its server and PostgreSQL are real; only the model is a fake. Screenshots go to var/screenshots.
"""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from services.adapters.promotions import find_persona
from services.db.session import session_scope
from services.training.holding import RunLock
from tests.e2e.chromium import check_width, photograph
from tests.e2e.spoken import BETTER, LEARNED, PLAIN, QUESTION, ask
from tests.lineage_builders import add_serving_version
from tests.told_runs import add_told_run


def test_a_person_asks_rates_corrects_and_sees_the_new_version_answer(
    browser: Browser, site: str, engine: Engine
):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    ask(page, site, persona="Pirate", question=QUESTION)
    expect(page.get_by_text("answered by Pirate v0")).to_be_visible()
    expect(page.get_by_text("The moon's gravity pulls").first).to_be_visible()

    page.get_by_role("radio", name="4 stars").check(force=True)
    page.get_by_role("checkbox", name="I have read this and agree").check()
    page.get_by_role("button", name="Save my rating").click()
    expect(page.get_by_role("status").filter(has_text="Thank you")).to_have_text(
        "Thank you, your 4 stars are saved."
    )
    expect(page.get_by_role("radio", name="4 stars")).to_be_checked()
    photograph(page, "rating")

    better = page.get_by_label("Write a better answer")
    expect(better).to_have_value(PLAIN)
    better.fill(BETTER)
    page.get_by_role("button", name="Save my better answer").click()
    expect(page.get_by_role("status").filter(has_text="your better answer")).to_have_text(
        "Thank you, your better answer is saved."
    )
    expect(page.get_by_label("Write a better answer")).to_have_value(BETTER)

    page.get_by_label("Leave a comment").fill("Right, but too dry for a pirate.")
    page.get_by_role("button", name="Save my comment").click()
    expect(page.get_by_role("status").filter(has_text="your comment")).to_have_text(
        "Thank you, your comment is saved."
    )

    with session_scope(engine) as session:
        add_serving_version(session, find_persona(session, "pirate"))
    ask(page, site, persona="Pirate", question=QUESTION)
    expect(page.get_by_text("answered by Pirate v1")).to_be_visible()
    expect(page.locator("#answer-text")).to_have_text(LEARNED)

    page.get_by_role("link", name="Your history").click()
    entries = page.get_by_role("listitem")
    expect(entries).to_have_count(2)
    expect(entries.nth(1)).to_contain_text("4 stars, good")
    expect(entries.nth(1)).to_contain_text("better answer written")
    photograph(page, "history")
    page.close()


def test_without_javascript_the_keyboard_alone_is_enough(browser: Browser, site: str):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/p/pirate")
    page.get_by_label("Your question").focus()
    page.keyboard.type("Why is the sea salty?")
    page.get_by_role("button", name="Ask").press("Enter")
    expect(page.get_by_role("button", name="Edit this answer")).to_be_hidden()
    expect(page.get_by_text("Keys", exact=True)).to_be_hidden()
    page.get_by_role("checkbox", name="I have read this and agree").press("Space")
    page.get_by_role("radio", name="1 star,").press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="3 stars")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Thank you")).to_have_text(
        "Thank you, your 3 stars are saved."
    )
    context.close()


def test_the_keys_do_what_the_page_says_and_are_taken_from_nobody_who_types(browser: Browser, site: str):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    ask(page, site, persona="Pirate", question=QUESTION)
    page.get_by_text("Keys", exact=True).click()
    for key in ("4", "l", "g"):
        page.keyboard.press(key)
    expect(page.get_by_role("radio", name="4 stars")).to_be_checked()
    for reason in ("too long", "great"):
        expect(page.get_by_role("checkbox", name=reason)).to_be_checked()
    comment = page.get_by_label("Leave a comment")
    comment.press_sequentially("2 suns")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+1")
    expect(comment).to_have_value("2 suns")
    expect(page.get_by_role("radio", name="4 stars")).to_be_checked()
    page.get_by_role("checkbox", name="I have read this and agree").press("Space")
    page.keyboard.press("s")
    expect(page.get_by_text("Thank you, your 4 stars are saved.")).to_be_visible()
    page.wait_for_load_state()  # only then the page listens
    page.keyboard.press("-")
    expect(page.get_by_text("Thank you, your thumb down is saved.")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("u")
    expect(page.get_by_text("Your rating is taken back.")).to_be_visible()
    expect(page.get_by_text("You gave it 4 stars")).to_be_visible()
    page.wait_for_load_state()
    page.get_by_text("Keys", exact=True).click()
    page.get_by_role("checkbox", name="Listen to these keys").uncheck()
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="4 stars")).to_be_checked()
    page.close()


def test_an_answer_is_edited_where_it_stands(browser: Browser, site: str):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    ask(page, site, persona="Pirate", question=QUESTION)
    answer = page.get_by_role("article", name="Pirate")
    field = answer.get_by_label("Write a better answer")
    expect(field).not_to_be_attached()
    page.keyboard.press("e")
    expect(field).to_be_focused()
    expect(field).to_have_value(PLAIN)
    expect(page.locator("#answer-text")).to_be_hidden()
    field.fill("Something else.")
    check_width(page, "phone-editing")
    answer.get_by_role("button", name="Leave it as it is").click()
    expect(answer.get_by_role("button", name="Edit this answer")).to_be_focused()
    expect(page.locator("#answer-text")).to_have_text(PLAIN)
    page.keyboard.press("Enter")
    expect(field).to_have_value(PLAIN)
    field.fill(BETTER)
    answer.get_by_role("checkbox", name="I agree to it").check()
    field.press("Control+Enter")
    expect(page.get_by_text("Thank you, your better answer is saved.")).to_be_visible()
    expect(page.locator(".changes ins").first).to_be_visible()
    page.get_by_role("button", name="Edit this answer").click()
    field.fill(PLAIN)  # no better answer: refused, and mended where it stands
    answer.get_by_role("button", name="Save my better answer").click()
    expect(answer.get_by_role("alert")).to_be_visible()
    expect(field).to_have_value(PLAIN)
    page.close()


def test_a_question_is_sent_by_ctrl_and_enter_once(browser: Browser, site: str):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    asks: list[str] = []
    page.on("request", lambda sent: asks.append(sent.url) if sent.method == "POST" else None)
    page.goto(f"{site}/p/pirate")
    question = page.get_by_label("Your question")
    question.fill(QUESTION)
    question.evaluate(
        """field => { for (const press of [1, 2]) field.dispatchEvent(
            new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true })); }"""
    )
    page.wait_for_url("**/answers/*")
    assert asks == [f"{site}/p/pirate/ask"]
    page.close()


def test_nothing_tells_of_keys_where_there_is_no_keyboard(browser: Browser, site: str):
    for touched in (True, False):
        context = browser.new_context(is_mobile=touched, has_touch=touched)
        page = context.new_page()
        ask(page, site, persona="Pirate", question=QUESTION)
        expect(page.locator(".keys summary")).to_be_visible(visible=not touched)
        context.close()


def test_a_refused_question_stays_in_its_form_beside_the_sentence(browser: Browser, site: str):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto(f"{site}/p/pirate")
    page.get_by_label("Your question").fill("Why? " * 1000)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("The question has 5,000 characters")
    expect(page.get_by_label("Your question")).to_have_value("Why? " * 1000)
    photograph(page, "refused")
    page.close()


def test_every_page_fits_a_phone_in_light_and_dark(browser: Browser, site: str):
    for scheme in ("light", "dark"):
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, color_scheme=scheme, device_scale_factor=2
        )
        page = context.new_page()
        page.goto(site)
        check_width(page, f"phone-{scheme}-personas")
        page.goto(f"{site}/p/professor")
        check_width(page, f"phone-{scheme}-ask")
        ask(page, site, persona="The Professor", question="word" * 200)
        check_width(page, f"phone-{scheme}-answer")
        page.goto(f"{site}/history")
        check_width(page, f"phone-{scheme}-history")
        page.goto(f"{site}/nowhere")
        check_width(page, f"phone-{scheme}-error")
        context.close()


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_the_header_is_one_line_without_javascript(browser: Browser, site: str, width: int):
    context = browser.new_context(viewport={"width": width, "height": 700}, java_script_enabled=False)
    page = context.new_page()
    page.goto(site)
    photograph(page, f"header-{width}")
    links = page.get_by_role("navigation", name="Site").get_by_role("link")
    assert links.all_inner_texts() == ["persona-loop", "Personas", "Your history"]
    boxes = [box for link in links.all() if (box := link.bounding_box())]
    assert len(boxes) == 3
    assert max(box["y"] for box in boxes) < min(box["y"] + box["height"] for box in boxes)
    assert max(box["height"] for box in boxes) < 40  # no word of a link is on a second line
    context.close()


def test_a_run_is_watched_without_javascript_and_drawn_on_any_screen(
    browser: Browser, site: str, engine: Engine
):
    with session_scope(engine) as session:
        run_id = add_told_run(session, find_persona(session, "pirate"), at=datetime.now(UTC)).id
    lock = RunLock(engine, run_id)
    lock.take()
    for name, width in (("desk", 1280), ("phone", 390)):
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=False
            )
            page = context.new_page()
            page.goto(f"{site}/p/pirate")
            page.get_by_role("link", name="How it learns").click()
            check_width(page, f"{name}-{scheme}-runs")
            page.get_by_role("link", name=f"Run {run_id}").click()
            expect(page.get_by_role("progressbar")).to_have_attribute("value", "160")
            for drawing in page.get_by_role("img").all():
                expect(drawing).to_have_js_property("complete", value=True)
                assert drawing.evaluate("image => image.naturalWidth") == (720 if width == 1280 else 360)
            check_width(page, f"{name}-{scheme}-run")
            page.get_by_role("link", name="Stop renewing it").click()
            expect(page.get_by_role("link", name="Follow the run")).to_be_visible()
            context.close()
    lock.give_back()
