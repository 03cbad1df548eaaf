"""The stylesheets lay out what the pages have, each page with those that it needs."""

import re

import pytest

from services.settings import ROOT

APP = ROOT / "feedback_app"
SHEETS = ("style.css", "curating.css")
PAGES = {page.name: page.read_text(encoding="utf-8") for page in (APP / "templates").glob("*.html")}
WITH_CURATING = '{% extends "curating_base.html" %}'


def read(sheet: str) -> str:
    return (APP / "static" / sheet).read_text(encoding="utf-8")


def rules(sheet: str) -> list[tuple[str, str]]:
    """Selectors with what they declare, those inside of media queries too."""
    return re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", read(sheet), flags=re.DOTALL))


def styled(sheet: str) -> set[str]:
    """The classes that a sheet names."""
    return {name for where, _ in rules(sheet) for name in re.findall(r"\.([a-z][\w-]*)", where)}


def classes(page: str) -> set[str]:
    """Of what is written out in a template: a name that is put together counts for nothing."""
    return {
        name for written in re.findall(r'class="([^"]*)"', page) for name in re.split(r"[^\w-]+", written)
    }


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_sheet_is_linked_and_short_enough_to_be_read(sheet: str):
    linked = f"filename='{sheet}'"
    assert [name for name, page in PAGES.items() if linked in page] != []
    assert len(read(sheet).splitlines()) <= 300


def test_every_id_that_is_styled_is_on_a_page():
    named = [name for sheet in SHEETS for name in re.findall(r"#([a-z][\w-]*)(?=[^;{}]*\{)", read(sheet))]
    assert named
    assert [name for name in named if f'id="{name}"' not in "".join(PAGES.values())] == []


def test_a_page_with_what_only_the_curators_sheet_lays_out_links_it():
    """But pieces of pages, which those that have them link it for."""
    only = styled("curating.css") - styled("style.css")
    missing = {
        name: sorted(classes(page) & only)
        for name, page in PAGES.items()
        if "{% extends" in page and WITH_CURATING not in page
    }
    assert len(only) > 20
    assert {name: found for name, found in missing.items() if found} == {}


def test_what_only_the_curators_sheet_lays_out_is_on_a_page_that_links_it():
    there = set[str]().union(
        *(classes(page) for page in PAGES.values() if WITH_CURATING in page or "{% extends" not in page)
    )
    made_of_words = {name for name in styled("curating.css") if name.startswith(("state-", "verdict-"))}
    assert styled("curating.css") - there - made_of_words == set()


def test_nothing_is_laid_out_by_left_and_right_so_that_pages_mirror():
    """But what says of itself that it is for one direction."""
    physical = re.compile(
        r"(?<![\w-])(?:[\w-]+-)?(?:left|right)\s*:|(?:text-align|float|clear):\s*(?:left|right)"
    )
    found = [rule for sheet in SHEETS for rule in rules(sheet)]
    assert len(found) > 100
    assert [(where, what) for where, what in found if physical.search(what) and "[dir=" not in where] == []
