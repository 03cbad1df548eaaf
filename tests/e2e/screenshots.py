"""`make screenshots`: two nights of the demo on real parts, then every page in a real browser, for the docs.

A canary is open when its curator looks: by hand where the second night did not begin one. It takes some ten
minutes.
"""

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page
from rich.console import Console
from sqlalchemy import Engine, select

from benchmarks._installation import own_installation
from services.db.lineage_tables import GateDecisionRow
from services.db.session import database_url, make_engine, session_scope
from services.demo.night import run_night
from services.demo.personas import Pair, create_pair
from services.demo.raters import inquiries, let_them_rate, plan_raters
from services.domain.canaries import CanaryPolicy
from services.domain.roles import Role
from services.feedback.personas import Policies
from services.jobs import accounts, canaries, personas, rollback
from services.operations.stack import Stack, feedback_url
from services.settings import Settings
from services.tables import page as console_page
from tests.e2e.chromium import running_chromium
from tests.e2e.played import ignore
from tests.e2e.screens import FOLDER, SCREENS, WIDTHS, Screen, Who, write_index

ACTOR = "screenshots"
TALLEST = 2400  # pixels: what is below is more of the same
COLOURS = 128
NIGHTS = 2
PATIENCE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Site:
    address: str
    pair: Pair
    browser: Browser
    visitors: dict[Who, BrowserContext]

    def of(self, who: Who) -> Page:
        """A new page in the browser of this one."""
        page = self.visitors[who].new_page()
        page.set_default_timeout(PATIENCE_MS)
        return page


def main() -> None:
    console = console_page()
    with (
        tempfile.TemporaryDirectory(prefix="screens-") as folder,
        own_installation(Path(folder)) as settings,
        running_chromium() as browser,
    ):
        Path(folder).chmod(0o711)  # PostgreSQL's user looks into it
        with Stack(settings, progress=ignore) as stack:
            stack.wait_until_healthy()
            pair = _play(settings, console)
            visitors = {who: browser.new_context(locale="en-GB") for who in Who}
            site = Site(feedback_url(settings), pair, browser, visitors)
            found = {"tutor": pair.tutor} | _visit(site) | _administer(site)
            for screen in SCREENS:
                _photograph(site, screen, screen.path.format(**found))
                console.print(f"  {screen.path.format(**found)}")
    write_index()


def _play(settings: Settings, console: Console) -> Pair:
    """Nights with people who rate before each, a rollback and back in between; people rate the canary too."""
    engine = make_engine(database_url(settings))
    pair = create_pair(settings.var_dir / "items.jsonl")
    for number in range(1, NIGHTS + 1):
        _rate(settings, pair, console, number)
        run_night(settings, engine, console, evaluated=ignore)
        if number == 1:
            rollback.rollback(pair.tutor, None, "it sounded too cheerful to me", ACTOR)
            rollback.rollback(pair.tutor, 1, "it was only me: back again", ACTOR)
            personas.change(pair.tutor, Policies(canary=CanaryPolicy(share=0.5)))
    if pair.tutor not in canaries.open_canaries():
        canaries.start(_newest_decision(engine), None, "too few items to tell: let people say", ACTOR)
    _rate(settings, pair, console, NIGHTS + 1)
    canaries.watch(pair.tutor)
    engine.dispose()
    return pair


def _rate(settings: Settings, pair: Pair, console: Console, number: int) -> None:
    console.rule(f"People rate, the {number}. time")
    let_them_rate(feedback_url(settings), pair.tutor, plan_raters(number), seed=number, told=ignore)


def _newest_decision(engine: Engine) -> int:
    with session_scope(engine) as session:
        return session.scalars(select(GateDecisionRow.id).order_by(GateDecisionRow.id.desc())).first() or 0


def _visit(site: Site) -> dict[str, str]:
    """What a rater came by, who asked, flagged an answer, rated others and made the last one better."""
    page = site.of(Who.RATER)
    questions = iter(inquiries(1))
    _ask(site, page, next(questions).question)
    page.get_by_label("unsafe").check(force=True)
    page.get_by_label("I have read this and agree").check()
    _rate_it(page, "1 star,")
    peer = ""
    while not peer:  # not every rating is followed by the offer of somebody else's answer
        _ask(site, page, next(questions).question)
        _rate_it(page, "4 stars")
        peer = _linked(page, "/peers/")
    answer = _last(page.url)
    better = page.get_by_label("Write a better answer")
    better.fill(f"{better.input_value().rstrip()} Picture it as a kettle that never boils over.")
    page.get_by_role("button", name="Save my better answer").click()
    _wait_for_thanks(page, "your better answer")
    page.goto(f"{site.address}/p/{site.pair.tutor}/runs")
    run = _linked(page, "/runs/")
    page.goto(f"{site.address}/p/{site.pair.tutor}/compare")
    page.locator("main form button").first.click()
    page.wait_for_url("**/comparisons/*")
    comparison = _last(page.url)
    page.close()
    return {"answer": answer, "peer": peer, "run": run, "comparison": comparison}


def _ask(site: Site, page: Page, question: str) -> None:
    page.goto(f"{site.address}/p/{site.pair.tutor}")
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Written for a reader who is").fill("student")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_url("**/answers/*")


def _rate_it(page: Page, stars: str) -> None:
    page.get_by_role("radio", name=stars).check(force=True)
    page.get_by_role("button", name="Save my rating").click()
    _wait_for_thanks(page, "Thank you")


def _administer(site: Site) -> dict[str, str]:
    """What an admin came by, who accepted their invitation; another one is open."""
    page = site.of(Who.ADMIN)
    page.goto(f"{site.address}/invitations/{accounts.invite(Role.ADMIN, ACTOR)}")
    page.get_by_label("Name").fill("Ada")
    for password in page.locator("input[type=password]").all():
        password.fill("a kettle of words, boiling")
    page.locator("main form button").click()
    page.wait_for_url("**/account")
    page.goto(f"{site.address}/p/{site.pair.tutor}/curate")
    decision = _linked(page, "/decisions/")
    page.goto(f"{site.address}/decisions/{decision}/judge")
    candidate, champion = page.url.split("?")[0].rsplit("/", 2)[1:]
    page.goto(f"{site.address}/p/{site.pair.tutor}/review")
    reviewed = _linked(page, f"/p/{site.pair.tutor}/review/")
    page.close()
    return {
        "decision": decision,
        "candidate": candidate,
        "champion": champion,
        "reviewed": reviewed,
        "invitation": accounts.invite(Role.CURATOR, ACTOR),
    }


def _wait_for_thanks(page: Page, words: str) -> None:
    page.get_by_role("status").filter(has_text=words).wait_for()


def _linked(page: Page, path: str) -> str:
    """The end of the first address on the page that begins so; empty where there is none."""
    links = page.locator(f"a[href^='{path}']").all()
    return _last(links[0].get_attribute("href") or "") if links else ""


def _last(path: str) -> str:
    return path.split("#", maxsplit=1)[0].rsplit("/", 1)[-1]


def _photograph(site: Site, screen: Screen, path: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    page = site.of(screen.who)
    for width, pixels in WIDTHS.items():
        page.set_viewport_size({"width": pixels, "height": 800})
        response = page.goto(f"{site.address}{path}", wait_until="networkidle")
        if response is None or not response.ok:
            raise RuntimeError(f"{path} was not served: {response and response.status}.")
        tall = page.evaluate("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": pixels, "height": min(tall, TALLEST)}
        picture = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))
        picture.convert("RGB").quantize(COLOURS).save(screen.picture(width), optimize=True)
    page.close()


if __name__ == "__main__":
    main()
