"""What is asked and answered in the browser's tests."""

from playwright.sync_api import Page

QUESTION = "Why does the moon pull the sea towards it, but not the lakes?"
PLAIN = (
    "The moon's gravity pulls on all water, lakes included. A tide is the difference in pull between the "
    "near and the far side of a body of water, and across a lake that difference is only a few millimetres."
    "\n\nThe oceans are thousands of kilometres wide, so there it adds up to metres."
)
BETTER = "Arr! She pulls at the lakes too, matey, but a lake be too small to feel one end pulled harder."
LEARNED = "Arr, matey! The moon hauls on every drop; only the wide sea be long enough to show it."


def ask(page: Page, site: str, *, persona: str, question: str) -> None:
    page.goto(site)
    page.get_by_role("link", name=persona).click()
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Written for a reader who is").fill("student")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_url("**/answers/*")
